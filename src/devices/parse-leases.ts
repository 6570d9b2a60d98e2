import { isIPv4 } from 'node:net';
import { isContainerAddress } from '../core/container-address.js';
import { parseMac } from './mac.js';

/** One line of dnsmasq's lease file. Its hostname and client id say what the client likes to say, so nobody reads them. */
export interface Lease {
  readonly mac: string;
  readonly address: string;
  /** Wall clock, ms; Infinity: never. */
  readonly expiresAt: number;
}

export interface ParsedLeases {
  readonly leases: readonly Lease[];
  /** The last line has no end: somebody is writing the file right now. What is in it counts, what is missing does not. */
  readonly torn: boolean;
}

/** Before the client id stands the hostname, each `*` where there is none. */
const FEWEST_FIELDS = 4;
const LONGEST_EXPIRY_DIGITS = 11;

/** Never throws: a line that is no lease of IPv4 over Ethernet, or of an address that no container can have, is passed over. */
export function parseLeases(text: string): ParsedLeases {
  const lines = text.split('\n');
  // What follows the last newline is empty, or cut off: `10.10.0.11` may be the beginning of another address.
  const rest = lines.pop() ?? '';
  return { leases: lines.flatMap((line) => parseLine(line) ?? []), torn: rest !== '' };
}

function parseLine(line: string): Lease | undefined {
  const [expiry = '', hardware = '', address = '', ...others] = line.trim().split(/[ \t]+/);
  if (others.length < FEWEST_FIELDS - 3 || !/^\d+$/.test(expiry) || expiry.length > LONGEST_EXPIRY_DIGITS) return undefined;
  const mac = parseMac(hardware);
  if (mac === undefined || !isIPv4(address) || !isContainerAddress(address)) return undefined;
  const seconds = Number(expiry);
  return { mac, address, expiresAt: seconds === 0 ? Infinity : seconds * 1000 };
}
