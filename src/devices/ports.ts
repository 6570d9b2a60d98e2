import type { Warning } from '../core/dns.js';
import type { RecordedAddress } from '../core/revision.js';
import type { RuleView } from '../core/status.js';

/** What the devices need of whoever publishes their names. */

export interface PublishedDevices {
  readonly revision: number;
  /** That rules lead to, each once. */
  readonly deviceIds: readonly string[];
  /** At which they are served. */
  readonly addresses: readonly RecordedAddress[];
}

export interface ChangeAnswer {
  readonly outcome: 'applied' | 'unchanged' | 'planned';
  readonly revision: number;
  readonly rules: readonly RuleView[];
  readonly warnings: readonly Warning[];
}

export interface DevicePublishing {
  /** Undefined: nothing is published. */
  current(): PublishedDevices | undefined;
  /** As it is, where nothing has to be changed. */
  answer(): ChangeAnswer;
  /** The same rules with the addresses of now: one change, however many moved. */
  refresh(): Promise<ChangeAnswer>;
  /** Ahead of whatever else goes on: these devices must not be served at these addresses a moment longer. */
  withdraw(addresses: readonly { readonly deviceId: string; readonly address: string }[]): Promise<void>;
  /** The rules that lead to these devices go, and with them their DNS records. */
  removeDevices(deviceIds: readonly string[]): Promise<ChangeAnswer>;
}
