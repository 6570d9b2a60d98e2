import { isContainerAddress } from '../core/container-address.js';
import { bracketHost, formatDestination } from '../core/destination.js';
import { warnOfAddress } from '../core/device-warning.js';
import type { Warning } from '../core/dns.js';
import type { RecordedAddress } from '../core/revision.js';
import type { DeviceAddress, ValidRule } from '../core/rule.js';
import type { WithdrawnAddress } from './change.js';
import type { AddressResolver } from './ports.js';
import type { ValidatedRules } from './validate.js';

/** The second stage: devices become addresses. One that has none now does not fail the others: its name answers 503. */

declare const resolved: unique symbol;

export interface ResolvedRule {
  readonly valid: ValidRule;
  readonly status: 'live' | 'unresolved';
  /** What cloudflared gets. */
  readonly service: string;
  /** The device's address; absent where the destination is no device, or is unresolved. */
  readonly address?: string;
}

/** Made here alone. */
export interface ResolvedRules {
  readonly [resolved]: true;
  readonly zone: string;
  readonly rules: readonly ResolvedRule[];
  readonly addresses: readonly RecordedAddress[];
  readonly warnings: readonly Warning[];
}

export interface ResolveOptions {
  /** What the current revision recorded: an address that is only remembered keeps the time it was seen. */
  readonly recorded: readonly RecordedAddress[];
  /** Addresses that are somebody else's now, whatever the resolver remembers. */
  readonly withdrawn?: readonly WithdrawnAddress[];
  /** ISO 8601. */
  readonly now: string;
}

export const UNRESOLVED_SERVICE = 'http_status:503';

export async function resolveRules(rules: ValidatedRules, resolver: AddressResolver, options: ResolveOptions): Promise<ResolvedRules> {
  const deviceIds = [...new Set(rules.rules.flatMap(({ destination }) => (destination.kind === 'device' ? [destination.deviceId] : [])))];
  const answers = deviceIds.length === 0 ? new Map<string, DeviceAddress>() : await resolver.resolve(deviceIds);
  const addresses = judgeAddresses(deviceIds, answers, options.withdrawn ?? []);
  const warned = new Set<string>();
  const warnings: Warning[] = [];
  const warn = (deviceId: string, answer: DeviceAddress, hostname: string): void => {
    const warning = warned.has(deviceId) ? undefined : warnOfAddress(deviceId, answer);
    if (warning === undefined) return;
    warnings.push({ ...warning, hostname });
    warned.add(deviceId);
  };

  const resolvedRules = rules.rules.map((valid): ResolvedRule => {
    const { destination, hostname } = valid;
    if (destination.kind === 'service') return { valid, status: 'live', service: formatDestination(destination) };
    const answer = addresses.get(destination.deviceId) ?? { kind: 'unresolved', reason: 'nobody knows it' };
    warn(destination.deviceId, answer, hostname);
    if (answer.kind !== 'found') return { valid, status: 'unresolved', service: UNRESOLVED_SERVICE };
    return { valid, status: 'live', service: `${destination.scheme}://${bracketHost(answer.address)}:${destination.port}`, address: answer.address };
  });
  const before = new Map(options.recorded.map((entry) => [entry.deviceId, entry]));
  const recorded = [...addresses].flatMap(([deviceId, answer]) => (answer.kind === 'found' ? [record(deviceId, answer, before.get(deviceId), options.now)] : []));
  return { zone: rules.zone, rules: resolvedRules, addresses: recorded, warnings } as unknown as ResolvedRules;
}

type Found = Extract<DeviceAddress, { readonly kind: 'found' }>;

/** An address that is only remembered keeps its MAC and the time when it was seen. */
function record(deviceId: string, answer: Found, before: RecordedAddress | undefined, now: string): RecordedAddress {
  const remembered = before?.address === answer.address ? before : undefined;
  const at = answer.source === 'last-known' ? remembered?.at : undefined;
  return { deviceId, address: answer.address, mac: answer.mac ?? remembered?.mac, at: at ?? now };
}

/** An address belongs to one device, and is one that a container can have. */
function judgeAddresses(deviceIds: readonly string[], answers: ReadonlyMap<string, DeviceAddress>, withdrawn: readonly WithdrawnAddress[]): Map<string, DeviceAddress> {
  const judged = new Map<string, DeviceAddress>();
  for (const deviceId of deviceIds) {
    const answer = answers.get(deviceId) ?? { kind: 'unresolved', reason: 'nobody knows it' };
    judged.set(deviceId, answer.kind === 'found' ? judgeAddress(deviceId, answer, withdrawn) : answer);
  }
  const claims = new Map<string, { readonly deviceId: string; readonly remembered: boolean }[]>();
  for (const [deviceId, answer] of judged) {
    if (answer.kind === 'found') claims.set(answer.address, [...(claims.get(answer.address) ?? []), { deviceId, remembered: answer.source === 'last-known' }]);
  }
  for (const [address, claimants] of claims) {
    if (claimants.length === 1) continue;
    const seen = claimants.filter(({ remembered }) => !remembered);
    const owner = seen.length === 1 ? seen[0]?.deviceId : undefined;
    for (const { deviceId } of claimants) {
      if (deviceId !== owner) judged.set(deviceId, { kind: 'unresolved', reason: `another device claims its address ${address}` });
    }
  }
  return judged;
}

function judgeAddress(deviceId: string, answer: Found, withdrawn: readonly WithdrawnAddress[]): DeviceAddress {
  if (!isContainerAddress(answer.address)) {
    return { kind: 'unresolved', reason: `${JSON.stringify(answer.address)} is no address that a container can have` };
  }
  if (withdrawn.some((entry) => entry.deviceId === deviceId && entry.address === answer.address)) {
    return { kind: 'unresolved', reason: `${answer.address} belongs to somebody else now` };
  }
  return answer;
}
