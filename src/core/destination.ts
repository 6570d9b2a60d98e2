import { isIPv4, isIPv6 } from 'node:net';
import { toAsciiLabel } from './hostname.js';
import { parsed, quote, refused, type Parsed } from './parsed.js';
import type { Destination } from './rule.js';
import { UNWRITABLE } from './unwritable.js';

/** A destination, and the text that is stored for it: as it was typed, but normalized. */
export interface ParsedDestination {
  readonly destination: Destination;
  readonly text: string;
}

/** Schemes that lead to a host. `defaultPort` is cloudflared's; TCP has none that anybody would mean. */
const HOST_SCHEMES: Readonly<Record<string, { readonly defaultPort: number | undefined; readonly forDevices: boolean }>> = {
  http: { defaultPort: 80, forDevices: true },
  https: { defaultPort: 443, forDevices: true },
  ws: { defaultPort: 80, forDevices: false },
  wss: { defaultPort: 443, forDevices: false },
  tcp: { defaultPort: undefined, forDevices: false },
  ssh: { defaultPort: 22, forDevices: false },
  rdp: { defaultPort: 3389, forDevices: false },
  smb: { defaultPort: 445, forDevices: false },
};

const FORMS = `${Object.keys(HOST_SCHEMES).map((scheme) => `${scheme}://`).join(', ')}, unix:, unix+tls:, http_status: or hello_world`;
const MAX_LENGTH = 1024;
/** What `sun_path` holds. */
const MAX_SOCKET_PATH_BYTES = 107;

/** Parses where a rule leads. Stricter than cloudflared, which takes any scheme, port 99999, a query and a user. */
export function parseDestination(input: string): Parsed<ParsedDestination> {
  const text = input.trim();
  if (text === '') return refused('DESTINATION_REQUIRED', 'destination is required');
  if (UNWRITABLE.test(input) || /[\u2028\u2029]/.test(input)) return invalid(input, 'must not contain control characters');
  if (text.length > MAX_LENGTH) return invalid(input, `is longer than ${MAX_LENGTH} characters`);

  if (text.toLowerCase() === 'hello_world') return service('hello_world', 'hello_world', undefined);
  const unix = /^(unix(?:\+tls)?):(.*)$/i.exec(text);
  if (unix !== null) return parseUnix(input, unix[1]?.toLowerCase() ?? '', unix[2] ?? '');
  const status = /^http_status:(.*)$/i.exec(text);
  if (status !== null) return parseStatus(input, status[1] ?? '');
  const url = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text);
  if (url !== null) return parseUrl(input, url[1]?.toLowerCase() ?? '', url[2] ?? '');
  return invalid(input, `must be one of ${FORMS}`);
}

/** The text of a destination, as `parseDestination` reads it. */
export function formatDestination(destination: Destination): string {
  return destination.kind === 'service' ? destination.service : `${destination.scheme}://[${destination.deviceId}]:${destination.port}`;
}

/** A host in a URL: IPv6 addresses in brackets. */
export const bracketHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);

const invalid = (input: string, why: string): Parsed<never> => refused('DESTINATION_INVALID', `destination ${quote(input)} ${why}`);

const service = (text: string, scheme: string, host: string | undefined): Parsed<ParsedDestination> =>
  parsed({ destination: { kind: 'service', service: text, scheme, host }, text });

function parseUrl(input: string, scheme: string, rest: string): Parsed<ParsedDestination> {
  const known = Object.hasOwn(HOST_SCHEMES, scheme) ? HOST_SCHEMES[scheme] : undefined;
  if (known === undefined) return invalid(input, `has the scheme ${quote(scheme)}; it must be one of ${FORMS}`);
  if (/\s/.test(rest)) return invalid(input, 'must not contain blanks');
  if (rest.includes('?')) return invalid(input, 'must not have a query: the visitor\'s is passed on');
  if (rest.includes('#')) return invalid(input, 'must not have a fragment');
  if (rest.includes('@')) return invalid(input, 'must not have a user or password');
  const authority = rest.replace(/\/$/, ''); // one lone slash means the same; cloudflared refuses it
  if (/[/\\]/.test(authority)) return invalid(input, 'must not have a path: a request keeps the path that the visitor asked for');

  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?$/.exec(authority);
  if (parts === null) return invalid(input, 'must be host:port; an IPv6 address stands in brackets, as in http://[::1]:8080');
  const host = parts[1] ?? '';
  const port = parts[2] === undefined ? undefined : parsePort(parts[2]);
  if (port === null) return invalid(input, 'must have a port from 1 to 65535');

  const device = /^\[(\d+)\]$/.exec(host)?.[1];
  if (device !== undefined) {
    if ((scheme !== 'http' && scheme !== 'https') || !known.forDevices) return invalid(input, 'leads to a device, which only http:// and https:// can');
    if (device.length > 20) return invalid(input, 'has a device number that is too long');
    const suffix = port === undefined ? '' : `:${port}`;
    return parsed({
      destination: { kind: 'device', scheme, deviceId: device, port: port ?? known.defaultPort ?? 0 },
      text: `${scheme}://[${device}]${suffix}`,
    });
  }
  const normalized = parseHost(host);
  if (!normalized.ok) return invalid(input, normalized.message);
  if (port === undefined && known.defaultPort === undefined) return invalid(input, `must name a port: ${scheme}:// has no usual one`);
  return service(`${scheme}://${bracketHost(normalized.value)}${port === undefined ? '' : `:${port}`}`, scheme, normalized.value);
}

/** An origin's host: an address, or a name as a resolver takes it. The messages go on a sentence. */
function parseHost(host: string): Parsed<string> {
  const no = (message: string): Parsed<never> => refused('DESTINATION_INVALID', message);
  if (host === '') return no('must have a host');
  if (host.startsWith('[')) {
    const address = host.slice(1, -1);
    if (address.includes('%')) return no('must not have an IPv6 zone');
    return isIPv6(address) ? parsed(address.toLowerCase()) : no('has neither an IPv6 address nor a device number in its brackets');
  }
  if (isIPv4(host)) return parsed(host);
  const labels: string[] = [];
  for (const label of host.replace(/\.$/, '').split('.')) {
    const ascii = toAsciiLabel(label);
    if (!ascii.ok) return ascii;
    labels.push(ascii.value);
  }
  // `127.1` and `0x7f.1` are addresses for some resolvers and names for others.
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) return no('has a host that ends in a number and is no IPv4 address');
  const name = labels.join('.');
  return name.length > 253 ? no('has a host of more than 253 characters') : parsed(name);
}

function parsePort(text: string): number | null {
  if (!/^\d{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? port : null;
}

function parseUnix(input: string, scheme: string, rest: string): Parsed<ParsedDestination> {
  const path = rest.replace(/^\/+/, '/'); // `unix:///run/x` is a common spelling of `unix:/run/x`
  if (!path.startsWith('/')) return invalid(input, 'must name a socket by its absolute path, as in unix:/run/app.sock');
  if (path.endsWith('/')) return invalid(input, 'names a directory, not a socket');
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) return invalid(input, `has a socket path of more than ${MAX_SOCKET_PATH_BYTES} bytes, which no socket can have`);
  return service(`${scheme}:${path}`, scheme, undefined);
}

function parseStatus(input: string, rest: string): Parsed<ParsedDestination> {
  if (!/^[1-9]\d\d$/.test(rest)) return invalid(input, 'must be http_status: and a number from 100 to 999');
  return service(`http_status:${rest}`, 'http_status', undefined);
}
