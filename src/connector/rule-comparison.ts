import type { IngressRule } from '../forwarding/ports.js';

/**
 * Whether a connector runs the rules it was given. `/config` shows every rule with defaults filled in: an empty
 * hostname and a null path where there are none, durations as numbers of seconds, default ports of TCP services
 * written out, hosts of URLs and schemes as Go normalizes them. Undefined: the same; else the first difference.
 */
export function firstDifference(expected: readonly IngressRule[], shown: readonly IngressRule[]): string | undefined {
  if (expected.length !== shown.length) return `${shown.length} rules instead of ${expected.length}`;
  for (const [index, rule] of expected.entries()) {
    const other = shown[index];
    if (other === undefined) return `rule ${index} is missing`;
    if (normalName(rule.hostname) !== normalName(other.hostname)) return differs(index, 'hostname', rule.hostname, other.hostname);
    if ((rule.path ?? '') !== (other.path ?? '')) return differs(index, 'path', rule.path, other.path);
    if (normalService(rule.service) !== normalService(other.service)) return differs(index, 'service', rule.service, other.service);
    const option = Object.entries(rule.originRequest ?? {}).find(([name, value]) => !sameOption(value, other.originRequest?.[name]));
    if (option !== undefined) return differs(index, `originRequest.${option[0]}`, option[1], other.originRequest?.[option[0]]);
  }
  return undefined;
}

const differs = (index: number, field: string, wanted: unknown, has: unknown): string =>
  `rule ${index} has ${field} ${JSON.stringify(has)} instead of ${JSON.stringify(wanted)}`;

const normalName = (hostname: string | undefined): string => (hostname ?? '').toLowerCase();

const TCP_PORTS: Readonly<Record<string, string>> = { ssh: '22', rdp: '3389', smb: '445', tcp: '7864' };

function normalService(service: string): string {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(service);
  if (match === null) return service;
  const scheme = (match[1] ?? '').toLowerCase();
  const rest = match[2] ?? '';
  const port = TCP_PORTS[scheme];
  return `${scheme}://${rest}${port !== undefined && !/:\d+$/.test(rest) ? `:${port}` : ''}`;
}

/** Values that cloudflared rewrites (access, IP rules) are taken as given: their presence is all that is compared. */
function sameOption(wanted: unknown, has: unknown): boolean {
  if (typeof wanted === 'object' && wanted !== null) return has !== undefined;
  if (typeof wanted === 'string' && typeof has === 'number') return secondsOf(wanted) === has;
  return wanted === has;
}

const UNITS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, 'µs': 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** Of a Go duration (`1m30s`); NaN where it is none. */
function secondsOf(duration: string): number {
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.map((part) => part[0]).join('') !== duration) return Number.NaN;
  const total = parts.reduce((sum, part) => sum + Number(part[1]) * (UNITS[part[2] ?? ''] ?? Number.NaN), 0);
  return Math.round(total * 1e9) / 1e9;
}
