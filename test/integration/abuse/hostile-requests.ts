import * as fc from 'fast-check';

/** Requests as nobody sends them who means well. */
export interface Attack {
  /** What goes over the wire, in these pieces. */
  readonly pieces: readonly Buffer[];
  /** `wait`: for the whole answer. `half-close`: no more will come, then wait. `leave`: go without reading. `peek`: the first of the answer is enough. */
  readonly manner: 'wait' | 'half-close' | 'leave' | 'peek';
  readonly method: string;
}

const oddMethod = fc.constantFrom('PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'get', 'CONNECT', 'PRI', 'G\u0000T', '__proto__', '', 'GET', 'PUT', 'POST', 'DELETE');

/** Text of JSON, not values: much of what hurts cannot be said with a value. */
const oddScalar = fc.constantFrom(
  'null', 'true', '0', '-0', '-1', '1e999', '-1e999', 'NaN', 'Infinity', '1e-400', '9007199254740993', '123456789012345678901234567890', '0.1', '1.0', '0x10', '[]', '{}', '""', '" "',
  String.raw`"\u0000"`, String.raw`"\ud800"`, String.raw`"\udfff\ud800"`, String.raw`"\uffff"`, String.raw`"\u202e"`, '"__proto__"', '"constructor"', '"toString"', '"../../etc/passwd"', '"%00"', '"a\u2028b"', '"-"', '"\u{1f4a9}"',
  `"${'x'.repeat(5_000)}"`, '{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}', '{"toJSON":1}', '{"then":1}', '[[[[]]]]', '{"length":-1}', '["7"]',
);
const oddHost = fc.constantFrom('a.example.com', '*.example.com', 'example.com', '*', '*.*.example.com', 'A.EXAMPLE.COM.', 'a..example.com', '.example.com', 'a.example.com:80', 'a\u0000.example.com', 'a.example.com\n- hostname: b', 'xn--a.example.com', 'xn--\u00fc.example.com', '\ud800.example.com', '127.0.0.1', '[::1]', 'b\u00fccher.example.com', `${'a'.repeat(64)}.example.com`, `${'a.'.repeat(126)}example.com`, 'evil.example', '\u202ea.example.com');
const oddDestination = fc.constantFrom('http://127.0.0.1:1', 'http://[7]:80', 'http://[99999999999999999999999]:80', 'http://[::1%lo]:80', 'http://a:99999', 'http://a:-1', 'http://a/', 'http://a//', 'http://a/../b', 'http://u:p@a', 'http://a?x', 'http://a#x', 'javascript:alert(1)', 'file:///etc/passwd', 'unix:/run/a\u0000b', 'unix:/run/\ud800', 'unix:../x', 'unix:///run/x', 'unix+tls:/', 'http_status:99', 'http_status:200', 'http_status:1e2', 'hello_world', 'HELLO_WORLD', '__proto__://a', 'constructor://a', 'http://0x7f.1', 'http://\u2488\u2489', 'tcp://a', 'bastion', 'socks-proxy');
const oddPath = fc.constantFrom('/', '/a', 'a', '//', '/../x', '/%2e%2e/x', '/%00', '/%ff', '/%ef%bf%bf', '/a?b', '/(.*)', '/[', `/${'a'.repeat(2_000)}`, '/\u0000', '/\ud800', '/a b');
const oddOptions = fc.oneof(
  fc.constantFrom('{}', '{"caPool":"/etc"}', '{"caPool":"/etc/passwd\\u0000"}', '{"caPool":"/dev/zero"}', '{"connectTimeout":"1e9s"}', '{"connectTimeout":30}', '{"proxyPort":1e999}', '{"proxyPort":-0}', '{"keepAliveConnections":1.5}', '{"noTLSVerify":"true"}', '{"ipRules":[{"prefix":"::/129"}]}', '{"access":{"required":true,"audTag":["x"]}}', '{"__proto__":{"noTLSVerify":true}}', '{"httpHostHeader":"a\\r\\nX: y"}', '{"unknown":1}', '[]', 'null'),
  oddScalar,
);
const quoted = (text: fc.Arbitrary<string>): fc.Arbitrary<string> => text.map((value) => JSON.stringify(value));

const ruleText = fc
  .record({ hostname: fc.oneof({ weight: 6, arbitrary: quoted(oddHost) }, oddScalar), destination: fc.oneof({ weight: 6, arbitrary: quoted(oddDestination) }, oddScalar), path: fc.option(fc.oneof(quoted(oddPath), oddScalar)), originRequest: fc.option(oddOptions) })
  .map(({ hostname, destination, path, originRequest }) => [`"hostname":${hostname}`, `"destination":${destination}`, ...(path === null ? [] : [`"path":${path}`]), ...(originRequest === null ? [] : [`"originRequest":${originRequest}`])].join(','));

const FIELDS = ['hostname', 'destination', 'path', 'originRequest', 'rules', 'dryRun', 'takeover', 'replace', 'revision', 'device', 'id', 'ports', 'cmd', 'name', 'timeout', 'cert', 'join', 'domain', 'since', 'lines', 'follow', 'connector', 'version', '__proto__', 'constructor', 'toString', '', 'device_id', 'request_id', 'child_device_id', 'expose_ports'];
const fields = fc.array(fc.tuple(fc.constantFrom(...FIELDS), oddScalar), { maxLength: 5 }).map((pairs) => `{${pairs.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`);

const portacode = fc
  .tuple(fc.constantFrom('configure_cloudflare_forwarding', 'configure_proxmox_container_expose_ports', 'follow', 'cancel_cloudflare_tunnel_setup', '__proto__', 'constructor', 'x'), fc.array(fc.tuple(fc.constantFrom('device_id', 'child_device_id', 'expose_ports', 'rules', 'request_id', 'since', 'timeout', '__proto__'), oddScalar).filter(([name, value]) => name !== 'rules' || value !== '[]'), { maxLength: 4 }))
  .map(([cmd, pairs]) => `{"cmd":"${cmd}"${pairs.map(([name, value]) => `,"${name}":${value}`).join('')}}`);

const dryRule = ruleText.map((rule) => `{${rule},"dryRun":true}`);
const dryRules = fc.array(ruleText, { maxLength: 3 }).map((rules) => `{"rules":[${rules.map((rule) => `{${rule}}`).join(',')}],"dryRun":true}`);
const ports = fc.array(fc.oneof(oddScalar, oddScalar.map((port) => `{"port":${port}}`)), { maxLength: 4 }).map((list) => `{"ports":[${list.join(',')}],"dryRun":true}`);
const junk = fc.oneof(
  fc.constantFrom(1, 31, 32, 33, 2_000, 100_000).chain((depth) => fc.constantFrom('[', '{"a":', '[{"":').map((open) => open.repeat(depth))),
  fc.json(),
  oddScalar,
  fields,
  fc.constantFrom(' ', '{', '{"a":1}{"b":2}', '\ufeff{}', '{"a":1,}', "{'a':1}", '{"rules":[],"rules":7,"dryRun":true}', '"'.repeat(1_000), '\\'.repeat(1_000)),
);

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** Of every request of it. */
  readonly header?: string;
}
const call = (method: string, path: string, body: fc.Arbitrary<string>, header?: string): fc.Arbitrary<Call> => body.map((text) => ({ method, path, body: text, ...(header === undefined ? {} : { header }) }));
/** What would change something for good is asked with a field that nobody knows. */
const refused = fields.map((text) => `{"unknown":1${text === '{}' ? '' : `,${text.slice(1, -1)}`}}`);

/** Calls as they are, with bodies that are nearly right: each is wrong somewhere, or a dry run, or changes nothing. */
const knownCall: fc.Arbitrary<Call> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('/v1/status', '/v1/forwarding', '/v1/revisions', '/metrics', '/v1/events', '/v1/logs').map((path) => ({ method: 'GET', path, body: '' })) },
  { weight: 4, arbitrary: call('POST', '/v1/forwarding/rules', dryRule) },
  { weight: 4, arbitrary: call('PUT', '/v1/forwarding', dryRules) },
  { weight: 2, arbitrary: call('DELETE', '/v1/forwarding/rules', fc.oneof(fc.constant(''), fc.tuple(quoted(oddHost), fc.boolean()).map(([hostname, dryRun]) => `{"hostname":${hostname},"dryRun":${dryRun}}`))) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('7', '__proto__', '%00', '1e9', 'x'), ports).map(([id, body]) => ({ method: 'PUT', path: `/v1/devices/${id}/ports`, body })) },
  { weight: 2, arbitrary: call('POST', '/v1/reconcile', fields) },
  { weight: 3, arbitrary: call('POST', '/v1/portacode', portacode) },
  // Without a body it would roll back.
  { weight: 2, arbitrary: call('POST', '/v1/rollback', fc.oneof(oddScalar.map((revision) => `{"revision":${revision},"dryRun":true}`), refused), 'If-Match: "999999999999999"') },
  { weight: 1, arbitrary: call('POST', '/v1/setup', fc.oneof(oddScalar.map((cert) => `{"cert":${cert},"name":7}`), fc.constantFrom('"x"', '"-----BEGIN ARGO TUNNEL TOKEN-----\\ne30=\\n-----END ARGO TUNNEL TOKEN-----"').map((cert) => `{"cert":${cert}}`), refused)) },
  // Without a body they would do what they say: no POST has fields in its query.
  { weight: 1, arbitrary: fc.constantFrom('/v1/disconnect', '/v1/upgrade', '/v1/daemon/stop').chain((path) => call('POST', `${path}?x=1`, refused)) },
  { weight: 1, arbitrary: call('DELETE', '/v1/setup', fc.constantFrom('', '{}', '{"x":1}')) },
);
const content = (text: string): fc.Arbitrary<Buffer> =>
  fc.oneof(
    { weight: 16, arbitrary: fc.constant(Buffer.from(text)) },
    { weight: 1, arbitrary: junk.map((other) => Buffer.from(other)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.constant(Buffer.concat([Buffer.from('{"cmd":"'), Buffer.from([0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xff]), Buffer.from(text)])) },
  );

const query = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  {
    weight: 3,
    arbitrary: fc
      .array(fc.tuple(fc.constantFrom('since', 'lines', 'follow', 'connector', 'hostname', 'path', 'dryRun', '__proto__', 'constructor', 'x'), fc.constantFrom('0', '1', '-1', '1e3', '999999999999999', '9'.repeat(40), 'true', 'false', '', 'NaN', '%00', '%', '%ff', 'a.example.com', '%2e%2e%2f', '[]', '1.5', ' 1')), { minLength: 1, maxLength: 4 })
      .map((pairs) => `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`),
  },
  { weight: 1, arbitrary: fc.constantFrom('?', '??', '?&&&', '?=', '?a', `?${'a=1&'.repeat(3_000)}`, '#x', '?since=1&since=1') },
);
const oddTarget = fc.constantFrom('/', '*', '', '/v1', '/v1/', '//v1/status', '/v1/status/', '/v1/../v1/status', '/v1/%2e%2e/status', '/v1/./status', '/v1/status%00', '/v1/status;x', '/v1\\status', '/V1/STATUS', 'http://localhost/v1/status', 'http://evil.example/v1/status', '/../../../../etc/passwd', '/v1/devices/../../status/ports', '/v1/devices/%2e%2e%2f/ports', '/v1/devices//ports', '/v1/devices/__proto__/ports', '/v1/devices/%00/ports', '/v1/devices/%zz/ports', `/v1/devices/${'9'.repeat(5_000)}/ports`, '/__proto__', '/constructor', '/v1/\u00ff', '/v1/sta tus', `/${'a'.repeat(30_000)}`);

const header = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('If-Match: "1"', 'If-Match: *', 'If-Match: "999999999999999"') },
  fc.constantFrom('If-Match: ', 'If-Match: "-1"', 'If-Match: "1", "2"', 'If-Match: W/"x"', 'If-Match: 1e9', 'If-Match: "1"\r\nIf-Match: "2"', `If-Match: "${'9'.repeat(400)}"`, 'If-Match: \u00ff'),
  fc.constantFrom('Origin: null', 'Origin: ', 'origin: http://localhost', 'Referer: http://localhost/', 'Referer: '),
  fc.constantFrom('Host: evil.example', 'Host: localhost:80', 'Host: localhost, evil.example', 'host: localhost', 'Host: localhost.', 'Host: LOCALHOST'),
  fc.constantFrom('Transfer-Encoding: chunked', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: xchunked', 'Transfer-Encoding : chunked', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', 'Content-Length: 0', 'Content-Length: 5', 'Content-Length: +5', 'Content-Length: -1', 'Content-Length: 0x5', 'Content-Length: 99999999999999999999', 'Content-Length: 5\r\nContent-Length: 6', 'Content-Length: 8388609'),
  fc.constantFrom('Expect: 100-continue', 'Expect: tea', 'Connection: upgrade\r\nUpgrade: websocket', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c', 'Connection: close', 'Connection: keep-alive, close', 'Content-Encoding: gzip', 'Content-Type: application/x-www-form-urlencoded', 'Accept: */*', 'Range: bytes=0-', 'Trailer: X', 'Te: trailers'),
  fc.constantFrom(': empty', 'no colon', ' folded: x', 'X:\r\n folded', 'X: a\rb', 'X: a\u0000b', 'X\u0000: a', '__proto__: x', `X: ${'x'.repeat(20_000)}`, `${'x'.repeat(20_000)}: x`, Array.from({ length: 1_500 }, (_, index) => `X${index}: 1`).join('\r\n')),
);
const version = fc.oneof({ weight: 20, arbitrary: fc.constant('HTTP/1.1') }, fc.constantFrom('HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.10', 'http/1.1', 'ICY', ''));

type Framing = 'length' | 'chunked' | 'chunked-badly' | 'none' | 'too-long' | 'too-short';
const framing = fc.oneof({ weight: 12, arbitrary: fc.constant<Framing>('length') }, fc.constantFrom<Framing>('chunked', 'chunked-badly', 'none', 'too-long', 'too-short'));

function frame(content: Buffer, how: Framing): { readonly head: string; readonly bytes: Buffer } {
  switch (how) {
    case 'length': return { head: `Content-Length: ${content.length}\r\n`, bytes: content };
    case 'too-long': return { head: `Content-Length: ${content.length + 7}\r\n`, bytes: content };
    case 'too-short': return { head: `Content-Length: ${Math.max(0, content.length - 3)}\r\n`, bytes: content };
    case 'none': return { head: '', bytes: content };
    case 'chunked': return { head: 'Transfer-Encoding: chunked\r\n', bytes: Buffer.concat([Buffer.from(`${content.length.toString(16)};x=y\r\n`), content, Buffer.from(content.length === 0 ? '\r\n' : '\r\n0\r\nX: trailer\r\n\r\n')]) };
    default: return { head: 'Transfer-Encoding: chunked\r\n', bytes: Buffer.concat([Buffer.from('-1\r\n'), content]) };
  }
}

const splitAt = (bytes: Buffer, cuts: readonly number[]): readonly Buffer[] => {
  const places = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index] ?? 0, end)).filter(({ length }) => length > 0);
};
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 });
const manner = fc.oneof({ weight: 8, arbitrary: fc.constant<Attack['manner']>('wait') }, fc.constantFrom<Attack['manner']>('half-close', 'leave', 'peek'));

const request = knownCall.chain((known) =>
  fc.record({
    method: fc.oneof({ weight: 20, arbitrary: fc.constant(known.method) }, oddMethod),
    target: fc.oneof({ weight: 16, arbitrary: query.map((rest) => known.path + (known.method === 'GET' || known.method === 'DELETE' || rest.length % 3 === 0 ? rest : '')) }, oddTarget),
    version,
    headers: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, fc.array(header, { maxLength: 2 })).map((lines) => (known.header === undefined ? lines : [...lines, known.header])),
    body: content(known.body),
    framing,
    cuts,
    manner,
  }),
);

const httpAttack = request.map(({ method, target, headers, ...asked }): Attack => {
  const { head, bytes } = method === 'GET' ? { head: '', bytes: Buffer.alloc(0) } : frame(asked.body, asked.framing);
  const ownHost = headers.some((line) => /^host:/i.test(line)) ? '' : 'Host: localhost\r\n';
  const lines = `${method} ${target} ${asked.version}\r\n${ownHost}${head}${headers.map((line) => `${line}\r\n`).join('')}\r\n`;
  return { pieces: splitAt(Buffer.concat([Buffer.from(lines, 'latin1'), bytes]), asked.cuts), manner: asked.manner, method };
});

/** What is no request at all. */
const noise = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom('\r\n\r\n\r\n', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000', 'GET', 'GET / HTTP/1.1\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\0'.repeat(1_000), 'A'.repeat(40_000), '{"cmd":"status"}\n', 'GET /v1/status\r\n\r\n').map((text) => Buffer.from(text, 'latin1')),
  )
  .chain((bytes) => fc.record({ cuts, manner: fc.constantFrom<Attack['manner']>('half-close', 'leave') }).map((how): Attack => ({ pieces: splitAt(bytes, how.cuts), manner: how.manner, method: '' })));

export const attack: fc.Arbitrary<Attack> = fc.oneof({ weight: 20, arbitrary: httpAttack }, { weight: 1, arbitrary: noise });

/** Shown where one of them is not answered as it should be. */
export const describeAttack = ({ pieces, manner }: Attack): string => `${manner}: ${pieces.map((piece) => JSON.stringify(piece.toString('latin1').slice(0, 2_000))).join(' + ')}`;
