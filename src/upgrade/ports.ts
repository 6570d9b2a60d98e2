import type { Clock } from '../core/clock.js';
import type { Warning } from '../core/dns.js';
import type { IngressRule } from '../core/ingress.js';
import type { ConnectorHandle, Connectors } from '../forwarding/ports.js';

/** A cloudflared that runs. */
export interface Binary {
  readonly path: string;
  readonly version: string;
}

/** The connectors, as an upgrade sees them. */
export interface UpgradeConnectors extends Pick<Connectors, 'current' | 'verify' | 'promote' | 'awaitSuccessor' | 'retire' | 'stop'> {
  /** With this program, which is tried with this connector alone, until it is preferred. */
  start(revision: number, binary: Binary): Promise<ConnectorHandle>;
  /** From now on this one is kept alive, and no other, whatever else runs on its revision. Idempotent. */
  prefer(handle: ConnectorHandle): void;
}

/** What replacing the program of the connectors needs of the world. */
export interface UpgradePorts {
  readonly connectors: UpgradeConnectors;
  /** The committed revision; undefined where nothing is published. */
  readonly revision: () => number | undefined;
  readonly expectedIngress: (revision: number) => Promise<readonly IngressRule[]>;
  /** Asked once. The warning says why it is not what the user chose (memory). */
  readonly chooseReplaceMode: () => { readonly mode: 'overlap' | 'restart'; readonly warning?: Warning };
  readonly clock: Clock;
  readonly verifyTimeoutMs: number;
  /** How long the old ones serve on because the new one, proven before, is not ready any more. */
  readonly successorTimeoutMs: number;
  readonly undoTimeoutMs: number;
}

/** The program that is to take over. */
export interface Candidate {
  readonly binary: Binary;
  /** Puts it in its place, for good: the one thing that a killed process would leave behind. */
  readonly place: () => Promise<void>;
}
