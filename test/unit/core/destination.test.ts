import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDestination, parseDestination } from '../../../src/core/destination.js';
import type { Destination } from '../../../src/core/rule.js';

const take = (input: string): { readonly destination: Destination; readonly text: string } => {
  const result = parseDestination(input);
  if (!result.ok) throw new Error(result.message);
  return result.value;
};
const messageOf = (input: string): string => {
  const result = parseDestination(input);
  return result.ok ? 'taken' : `${result.code}: ${result.message}`;
};

describe('services', () => {
  test.each([
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000', '127.0.0.1'],
    ['http://localhost', 'http://localhost', 'localhost'],
    ['HTTPS://Origin.Internal:8443', 'https://origin.internal:8443', 'origin.internal'],
    ['https://origin.internal/', 'https://origin.internal', 'origin.internal'],
    ['  http://my_app:80  ', 'http://my_app:80', 'my_app'],
    ['http://app.internal.:80', 'http://app.internal:80', 'app.internal'],
    ['http://[::1]:8080', 'http://[::1]:8080', '::1'],
    ['https://[FE80::1]', 'https://[fe80::1]', 'fe80::1'],
    ['ws://localhost:9000', 'ws://localhost:9000', 'localhost'],
    ['wss://origin.internal', 'wss://origin.internal', 'origin.internal'],
    ['tcp://localhost:5432', 'tcp://localhost:5432', 'localhost'],
    ['ssh://localhost', 'ssh://localhost', 'localhost'],
    ['ssh://10.0.0.5:2222', 'ssh://10.0.0.5:2222', '10.0.0.5'],
    ['rdp://win.internal', 'rdp://win.internal', 'win.internal'],
    ['smb://nas:445', 'smb://nas:445', 'nas'],
    ['http://localhost:08080', 'http://localhost:8080', 'localhost'],
    ['http://bücher.internal:80', 'http://xn--bcher-kva.internal:80', 'xn--bcher-kva.internal'],
    ['unix:/run/app.sock', 'unix:/run/app.sock', undefined],
    ['unix:///run/app.sock', 'unix:/run/app.sock', undefined],
    ['unix+tls:/run/my app.sock', 'unix+tls:/run/my app.sock', undefined],
    ['http_status:404', 'http_status:404', undefined],
    ['http_status:100', 'http_status:100', undefined],
    ['http_status:999', 'http_status:999', undefined],
    ['hello_world', 'hello_world', undefined],
  ])('%s', (input, service, host) => {
    const { destination, text } = take(input);
    expect(destination).toMatchObject({ kind: 'service', service, host });
    expect(text).toBe(service);
    expect(formatDestination(destination)).toBe(service);
  });
});

describe('devices', () => {
  test.each([
    ['http://[123]:8000', 'http', '123', 8000, 'http://[123]:8000'],
    ['HTTP://[123]', 'http', '123', 80, 'http://[123]'],
    ['https://[598]', 'https', '598', 443, 'https://[598]'],
    ['https://[598]/', 'https', '598', 443, 'https://[598]'],
    ['http://[007]:80/', 'http', '007', 80, 'http://[007]:80'],
  ])('%s', (input, scheme, deviceId, port, text) => {
    const parsed = take(input);
    expect(parsed.destination).toEqual({ kind: 'device', scheme, deviceId, port });
    expect(parsed.text).toBe(text);
    expect(take(formatDestination(parsed.destination)).destination).toEqual(parsed.destination);
  });

  test.each(['ws://[123]:80', 'tcp://[123]:80', 'ssh://[123]'])('%s is refused: only HTTP leads to a device', (input) => {
    expect(messageOf(input)).toMatch(/DESTINATION_INVALID.*only http/);
  });
});

describe('what cloudflared takes, or Portacode did, and we refuse', () => {
  test('nothing', () => {
    expect(messageOf('')).toBe('DESTINATION_REQUIRED: destination is required');
    expect(messageOf('   ')).toMatch(/^DESTINATION_REQUIRED/);
  });

  test.each([
    ['a path', 'http://localhost:3000/api', /path/],
    ['two slashes', 'http://localhost:3000//', /path/],
    ['a backslash', 'http://localhost\\@evil', /user|path/],
    ['a path to a device', 'http://[123]:80/admin', /path/],
    ['a query', 'http://localhost?x=1', /query/],
    ['a query after a slash', 'http://localhost/?x', /query/],
    ['a fragment', 'http://localhost#top', /fragment/],
    ['a user', 'http://root:secret@localhost', /user/],
    ['port 99999', 'http://localhost:99999', /port from 1 to 65535/],
    ['port 0', 'http://localhost:0', /port from 1 to 65535/],
    ['an empty port', 'http://localhost:', /port from 1 to 65535/],
    ['a negative port', 'http://localhost:-1', /port from 1 to 65535/],
    ['a signed port', 'http://localhost:+80', /port from 1 to 65535/],
    ['a word for a port', 'http://localhost:http', /port from 1 to 65535/],
    ['IPv6 without brackets', 'http://::1:8080', /brackets/],
    ['an IPv6 zone', 'http://[fe80::1%25eth0]:80', /zone/],
    ['nonsense in brackets', 'http://[abc]:80', /brackets/],
    ['open brackets', 'http://[::1:80', /brackets/],
    ['no host', 'http://', /host/],
    ['only a port', 'http://:80', /host/],
    ['no scheme', 'localhost:3000', /must be one of/],
    ['an unknown scheme', 'gopher://localhost', /scheme "gopher"/],
    ['a prototype name for a scheme', 'constructor://localhost', /scheme/],
    ['file', 'file:///etc/passwd', /scheme "file"/],
    ['bastion', 'bastion', /must be one of/],
    ['socks-proxy', 'socks-proxy', /must be one of/],
    ['TCP without a port', 'tcp://localhost', /port/],
    ['an abbreviated address', 'http://127.1', /number/],
    ['a hex address', 'http://0x7f000001', /number/],
    ['a decimal address', 'http://2130706433', /number/],
    ['an address with a zero before', 'http://127.0.0.01', /number/],
    ['a blank', 'http://local host', /blanks/],
    ['a newline', 'http://localhost\n', /control/],
    ['a newline within', 'http://localhost:80\n  - hostname: evil', /control/],
    ['a null byte', 'http://local\0host', /control/],
    ['an empty label', 'http://a..b', /label/],
    ['a relative socket', 'unix:app.sock', /absolute/],
    ['no socket', 'unix:', /absolute/],
    ['a directory', 'unix:/run/', /directory/],
    ['a long socket path', `unix:/${'a'.repeat(107)}`, /107/],
    ['status 99', 'http_status:99', /100 to 999/],
    ['status 1000', 'http_status:1000', /100 to 999/],
    ['a word for a status', 'http_status:ok', /100 to 999/],
    ['a signed status', 'http_status:+404', /100 to 999/],
    ['a long text', `http://${'a.'.repeat(600)}b`, /longer/],
  ])('%s', (_, input, reason) => {
    expect(messageOf(input)).toMatch(reason);
    expect(messageOf(input)).toMatch(/^DESTINATION_INVALID/);
  });
});

describe('any input', () => {
  const parts = fc.constantFrom('http', 'https', 'ws', 'tcp', 'unix', '+tls', '://', ':', '/', '[', ']', '123', '::1', '@', '?', '#', '\n', ' ', '%', 'localhost', '80', '99999', '\u202e', 'ü', 'hello_world', 'http_status:', '10.0.0.1', '\\');
  const hostile = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.array(parts, { maxLength: 12 }).map((list) => list.join('')), fc.webUrl({ withFragments: true, withQueryParameters: true }));

  test('is one plain line that parses to itself, or a reason', () => {
    fc.assert(
      fc.property(hostile, (input) => {
        const result = parseDestination(input);
        if (!result.ok) return;
        const { destination, text } = result.value;
        expect(text).not.toMatch(/\p{Cc}/u);
        expect(take(text)).toEqual({ destination, text });
        expect(take(formatDestination(destination)).destination).toEqual(destination);
        if (destination.kind === 'service' && destination.host !== undefined) expect(text).toMatch(/^[a-z]+:\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/);
      }),
      { numRuns: 5000 },
    );
  });
});
