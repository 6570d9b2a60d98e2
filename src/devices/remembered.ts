import type { DeviceAddress } from '../core/rule.js';

/** What was seen of a device when it was seen last. */
export interface Remembered {
  /** Undefined where only a revision remembers it. */
  readonly vmid: number | undefined;
  readonly node: string | undefined;
  /** Of all its interfaces. */
  readonly macs: readonly string[];
  /** Undefined: it has none, or it became somebody else's. */
  readonly address: string | undefined;
  /** The one that had the address. */
  readonly mac: string | undefined;
  readonly source: Extract<DeviceAddress, { readonly kind: 'found' }>['source'];
  /** Since when it is so; ISO 8601. */
  readonly at: string;
}
