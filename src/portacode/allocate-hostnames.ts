import { parseDestination } from '../core/destination.js';
import type { Destination, ForwardingRule } from '../core/rule.js';
import type { PortSpec, Protocol } from './parse-ports.js';

/** Which names a container's exposed ports get. Pure. */

/** As the container is told, and as answers show it. */
export interface ExposedPort {
  readonly port: number;
  readonly protocol: Protocol;
  readonly hostname: string;
  readonly url: string;
}

export interface AllocationInput {
  /** The stored rules, of everybody, in their order. */
  readonly rules: readonly ForwardingRule[];
  /** The zone. */
  readonly domain: string;
  readonly deviceId: string;
  readonly specs: readonly PortSpec[];
}

export interface Allocation {
  /** All other rules in their order, then the container's own. */
  readonly rules: readonly ForwardingRule[];
  readonly exposed: readonly ExposedPort[];
}

/**
 * Gives each port a name. One that the same port has already is kept, whatever place the port has in the list; the
 * others get the first free one. A name that anybody else's rule has is taken, and nobody else's rule is touched.
 */
export function allocateHostnames({ rules, domain, deviceId, specs }: AllocationInput): Allocation {
  const others = rules.filter((rule) => !belongsTo(rule, deviceId, domain));
  const kept = keepNames(rules.filter((rule) => belongsTo(rule, deviceId, domain)), domain, specs, others);
  const taken = new Set([...others.map(({ hostname }) => hostname), ...[...kept.values()].map(({ hostname }) => hostname)]);

  const own = specs.map((spec, index) => {
    const destination = `${spec.protocol}://[${deviceId}]:${spec.port}`;
    const before = kept.get(spec);
    const rule: ForwardingRule = before === undefined ? { hostname: newHostname({ deviceId, spec, index, domain, taken }), destination } : { ...before, destination };
    taken.add(rule.hostname);
    return { rule, exposed: toExposed(spec, rule.hostname) };
  });
  return { rules: [...others, ...own.map(({ rule }) => rule)], exposed: own.map(({ exposed }) => exposed) };
}

/** What a container's rules expose now: those of which a person could have asked for the port. */
export function exposedPorts(rules: readonly ForwardingRule[], deviceId: string): readonly ExposedPort[] {
  return rules.flatMap(({ hostname, path, destination: text }) => {
    const destination = deviceOf(text);
    return destination === undefined || destination.deviceId !== deviceId || path !== undefined ? [] : [toExposed({ port: destination.port, protocol: destination.scheme }, hostname)];
  });
}

/**
 * A rule belongs to the container that its destination names. One of a container's name that leads elsewhere is
 * somebody's own; only where it leads nowhere at all, it is a leftover of the container's.
 */
export function belongsTo({ hostname, destination }: ForwardingRule, deviceId: string, domain: string): boolean {
  if (destination.trim() === '') return new RegExp(`^(?:\\d+_)?${deviceId}$`).test(labelOf(hostname, domain) ?? '');
  return deviceOf(destination)?.deviceId === deviceId;
}

type DeviceDestination = Extract<Destination, { readonly kind: 'device' }>;

function deviceOf(text: string): DeviceDestination | undefined {
  const parsed = parseDestination(text);
  return parsed.ok && parsed.value.destination.kind === 'device' ? parsed.value.destination : undefined;
}

/** The one label of a name directly under the domain. */
function labelOf(hostname: string, domain: string): string | undefined {
  const label = hostname.endsWith(`.${domain}`) ? hostname.slice(0, -domain.length - 1) : '';
  return label === '' || label === '*' || label.includes('.') ? undefined : label;
}

/** The rule that each port has already, as far as its name is one that a certificate covers and nobody else has too. */
function keepNames(own: readonly ForwardingRule[], domain: string, specs: readonly PortSpec[], others: readonly ForwardingRule[]): ReadonlyMap<PortSpec, ForwardingRule> {
  const elsewhere = new Set(others.filter(({ path }) => path === undefined).map(({ hostname }) => hostname));
  const kept = new Map<PortSpec, ForwardingRule>();
  const names = new Set<string>();
  for (const spec of specs) {
    // As today, the last one where a port has several.
    const before = own.findLast((rule) => {
      const destination = deviceOf(rule.destination);
      const isSame = destination?.port === spec.port && destination.scheme === spec.protocol;
      return isSame && rule.path === undefined && labelOf(rule.hostname, domain) !== undefined && !elsewhere.has(rule.hostname) && !names.has(rule.hostname);
    });
    if (before === undefined) continue;
    kept.set(spec, before);
    names.add(before.hostname);
  }
  return kept;
}

interface NewName {
  readonly deviceId: string;
  readonly spec: PortSpec;
  /** Of the port in the list: the first one gets the shortest name. */
  readonly index: number;
  readonly domain: string;
  readonly taken: ReadonlySet<string>;
}

function newHostname({ deviceId, spec, index, domain, taken }: NewName): string {
  const label = `${deviceId}-${spec.port}${spec.protocol === 'https' ? '-https' : ''}`;
  const usual = (index === 0 ? [deviceId, label] : [label]).map((candidate) => `${candidate}.${domain}`);
  const free = usual.find((candidate) => !taken.has(candidate));
  if (free !== undefined) return free;
  let number = 2;
  while (taken.has(`${label}-${number}.${domain}`)) number += 1;
  return `${label}-${number}.${domain}`;
}

const toExposed = ({ port, protocol }: PortSpec, hostname: string): ExposedPort => ({ port, protocol, hostname, url: `https://${hostname}` });
