import type { Scope, ServiceSpec } from './service-spec.js';
import type { Step } from './steps.js';

/** What the init system says of our unit. */
export interface UnitState {
  readonly active: 'active' | 'starting' | 'stopping' | 'inactive' | 'failed';
  /** Started at boot. */
  readonly enabled: boolean;
  /** Of the daemon. */
  readonly pid: number | undefined;
  /** In the words of the init system. */
  readonly detail: string;
  /** It did not get as far as our program: this machine cannot set up what the unit asks for. */
  readonly setUpFailed: boolean;
}

/** One init system and scope: where our unit is, and what is to be done for each command, as steps. */
export interface InitDriver {
  readonly init: 'systemd' | 'openrc';
  readonly scope: Scope;
  readonly unitFile: string;
  /** A daemon that ends is started again however it ended: only stopping the unit ends it for good. */
  readonly respawnsAlways: boolean;
  /** What a person types to see its log. */
  readonly logCommand: string;
  /** Sets of hardening, the best first; a machine that cannot bear one gets the next. */
  readonly hardenings: readonly string[];
  /** The unit and what belongs to it, and making the init system see it. */
  install(spec: ServiceSpec, hardening: string): Promise<readonly Step[]>;
  /** By what is now: OpenRC does nothing for a service that it takes for started. */
  start(state: Pick<UnitState, 'active'>): readonly Step[];
  stop(spec: Pick<ServiceSpec, 'gracePeriodMs'>): readonly Step[];
  /** After it was stopped. */
  remove(): readonly Step[];
  readState(): Promise<UnitState>;
}
