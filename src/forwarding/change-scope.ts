import type { Warning } from '../core/dns.js';
import type { ApplyLimits, ApplyPorts, WithdrawnAddress } from './change.js';
import type { RevisionContent } from './revision-content.js';
import type { ForwardingStep } from './steps.js';
import type { YieldWindow } from './yield-window.js';

/** What the steps of one change work with. */
export interface ChangeScope {
  readonly ports: ApplyPorts;
  readonly limits: ApplyLimits;
  /** Open while DNS is waited for: a withdrawal may go ahead. */
  readonly window: YieldWindow;
  /** What this process has planned; a change of another process is read from disk. */
  readonly contents: Map<number, RevisionContent>;
  readonly warnings: Warning[];
  /** Withdrawn while the change ran. */
  readonly withdrawn: readonly WithdrawnAddress[];
}

export type StepOf<K extends ForwardingStep['kind']> = Extract<ForwardingStep, { readonly kind: K }>;
