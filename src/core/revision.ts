import type { ForwardingRule, RuleStatus } from './rule.js';

/** A device's address as a revision recorded it; bound to device and MAC, never to a hostname. */
export interface RecordedAddress {
  readonly deviceId: string;
  readonly address: string;
  readonly mac: string | undefined;
  readonly at: string;
}

export interface RevisionRule {
  readonly rule: ForwardingRule;
  readonly status: RuleStatus;
  /** The address its device had; absent where the destination is no device, or is unresolved. */
  readonly resolvedIp?: string;
}

/** One immutable state of what is published: the truth, of which every other file is a copy. */
export interface Revision {
  readonly revision: number;
  readonly createdAt: string;
  /** `user`, `setup`, `rollback`, `device`, `copy-edited`, `portacode`, `recovery`. */
  readonly reason: string;
  /** The setup that published it, where one did: its change. Lets a setup that was killed see that it had published. */
  readonly setup?: string;
  readonly tunnelId: string;
  readonly domain: string;
  readonly rules: readonly RevisionRule[];
  /** Rules whose name is not in the zone: kept, not published. */
  readonly setAside: readonly ForwardingRule[];
  readonly addresses: readonly RecordedAddress[];
  /** SHA-256 (hex) of `revisions/N.yml`. */
  readonly configHash: string;
}
