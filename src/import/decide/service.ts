import { parseDestination } from '../../core/destination.js';
import { refused, parsed, type Parsed } from '../../core/parsed.js';

/** Where cloudflared sends TCP that names no port. */
const DEFAULT_TCP_PORT = 7864;
/** Schemes that cloudflared or we have a port for. */
const KNOWN_SCHEMES: ReadonlySet<string> = new Set(['http', 'https', 'ws', 'wss', 'ssh', 'rdp', 'smb']);
const UNSUPPORTED: Readonly<Record<string, string>> = {
  'socks-proxy': 'a SOCKS proxy is no service that is published here',
  bastion: 'a bastion leads wherever its visitor asks to, and is no service that is published here',
};

/** A service of cloudflared's as a destination of ours that does the same, or why there is none. */
export function toDestination(service: string): Parsed<string> {
  const unsupported = Object.hasOwn(UNSUPPORTED, service) ? UNSUPPORTED[service] : undefined;
  if (unsupported !== undefined) return refused('SERVICE_UNSUPPORTED', unsupported);
  const destination = parseDestination(spellOut(service));
  return destination.ok ? parsed(destination.value.text) : destination;
}

/** What cloudflared takes for granted: any scheme that it does not know is TCP, and TCP has a port. */
function spellOut(service: string): string {
  if (service === 'hello-world') return 'hello_world';
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(service) ?? [];
  if (scheme === undefined || rest === undefined || KNOWN_SCHEMES.has(scheme.toLowerCase()) || scheme.startsWith('unix')) return service;
  return `tcp://${/:\d+$/.test(rest) ? rest : `${rest}:${DEFAULT_TCP_PORT}`}`;
}
