import type { Clock } from '../core/clock.js';
import { isMissing } from '../host/atomic-file.js';
import { parseLeases, type Lease } from './parse-leases.js';
import { readSmallFile } from './small-file.js';

/** Where Portacode's dnsmasq keeps its leases. */
export const DEFAULT_LEASE_FILE = '/var/lib/misc/portacode_dnsmasq.leases';

export type LeaseReading =
  | { readonly kind: 'read'; readonly leases: readonly Lease[] }
  /** No file, or none that we may read. An empty one is not away: nobody has a lease. */
  | { readonly kind: 'away'; readonly reason: string };

export interface LeaseFile {
  readonly path: string;
  /** Never rejects. */
  read(): Promise<LeaseReading>;
}

/** Fifty thousand leases. */
const LARGEST_BYTES = 4 * 1024 * 1024;
/** dnsmasq truncates the file and writes it anew: what is empty or half-written is whole in a moment. */
const TORN_TRIES = 5;
const TORN_DELAY_MS = 40;

export function createLeaseFile(path: string, clock: Clock): LeaseFile {
  return {
    path,
    read: async () => {
      for (let tries = 1; ; tries += 1) {
        const text = await readText(path);
        if (typeof text !== 'string') return text;
        const { leases, torn } = parseLeases(text);
        if ((!torn && text !== '') || tries === TORN_TRIES) return { kind: 'read', leases };
        await clock.sleep(TORN_DELAY_MS);
      }
    },
  };
}

async function readText(path: string): Promise<string | Extract<LeaseReading, { kind: 'away' }>> {
  try {
    return await readSmallFile(path, LARGEST_BYTES);
  } catch (error) {
    return { kind: 'away', reason: isMissing(error) ? `the lease file ${path} is missing` : `the lease file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}
