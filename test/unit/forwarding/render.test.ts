import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { SupervisorError } from '../../../src/core/errors.js';
import type { DeviceAddress, ForwardingRule } from '../../../src/core/rule.js';
import { pathOfPattern } from '../../../src/forwarding/path.js';
import type { IngressRule } from '../../../src/core/ingress.js';
import { renderConfig, type RenderedConfig } from '../../../src/forwarding/render.js';
import { resolveRules, UNRESOLVED_SERVICE, type ResolvedRules } from '../../../src/forwarding/resolve.js';
import { validateRules } from '../../../src/forwarding/validate.js';

const ZONE = 'example.com';
const TARGET = { tunnelId: '11111111-2222-3333-4444-555555555555', credentialsFile: '/base/"odd": name\n.json' };

async function resolve(rules: unknown, devices: ReadonlyMap<string, DeviceAddress> = new Map()): Promise<ResolvedRules> {
  const validated = await validateRules(rules, { zone: ZONE, outsideZone: 'refuse' });
  return resolveRules(validated, { resolve: async () => devices }, { recorded: [], now: '2026-01-01T00:00:00.000Z' });
}
const render = async (rules: unknown, devices?: ReadonlyMap<string, DeviceAddress>): Promise<RenderedConfig> => renderConfig(await resolve(rules, devices), TARGET);

const label = fc.oneof(fc.stringMatching(/^[a-z0-9]([a-z0-9_-]{0,8}[a-z0-9])?$/), fc.constantFrom('bücher', 'yes', 'no', 'null', 'true', '1', '0x1', '1e3', '123_456', 'on'));
const hostname = fc.tuple(fc.constantFrom('', '*.'), fc.array(label, { minLength: 1, maxLength: 2 })).map(([star, labels]) => `${star}${labels.join('.')}.${ZONE}`);
const path = fc.option(fc.array(fc.string({ unit: fc.constantFrom(...'ab.*+?()[]{}|^$:#&"\'é-~%'.split(''), '%20', '%25'), minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }).map((segments) => `/${segments.join('/')}`), { nil: undefined });
const destination = fc.oneof(
  fc.constantFrom('http://localhost:3000', 'https://10.0.0.5', 'https://[::1]:8443', 'unix:/run/a b: #c.sock', 'http_status:503', 'hello_world', 'tcp://localhost:1', 'ssh://host'),
  fc.tuple(fc.constantFrom('http', 'https'), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 65_535 })).map(([scheme, device, port]) => `${scheme}://[${device}]:${port}`),
);
const originRequest = fc.option(
  fc.record(
    {
      connectTimeout: fc.constantFrom('30s', '1m30s', '1.5h'),
      httpHostHeader: fc.constantFrom('no', '~', '1.10', 'app.internal:80', 'null'),
      keepAliveConnections: fc.integer({ min: 0, max: 100 }),
      noTLSVerify: fc.boolean(),
      caPool: fc.constantFrom('/etc/a: b.pem', '/etc/#x', '/etc/*&!'),
      ipRules: fc.array(fc.record({ prefix: fc.constantFrom('10.0.0.0/8', '::/0'), ports: fc.array(fc.integer({ min: 1, max: 65_535 }), { maxLength: 3 }), allow: fc.boolean() }), { maxLength: 2 }),
      access: fc.record({ required: fc.boolean(), teamName: fc.constant('team'), audTag: fc.array(fc.constantFrom('a', 'null', '0'), { maxLength: 2 }) }),
    },
    { requiredKeys: [] },
  ),
  { nil: undefined },
);
const rule: fc.Arbitrary<ForwardingRule> = fc.tuple(hostname, path, destination, originRequest).map(([name, prefix, to, options]) => ({
  hostname: name,
  ...(prefix === undefined ? {} : { path: prefix }),
  destination: to,
  ...(options === undefined ? {} : { originRequest: options }),
}));
const devices: fc.Arbitrary<ReadonlyMap<string, DeviceAddress>> = fc
  .array(fc.tuple(fc.constantFrom('1', '2', '3', '4', '5'), fc.constantFrom('10.10.0.1', '10.10.0.2', '2001:db8::1', '127.0.0.1')))
  .map((pairs) => new Map(pairs.map(([id, address]): [string, DeviceAddress] => [id, { kind: 'found', address, mac: undefined, source: 'lease' }])));

describe('what is rendered', () => {
  test('in parts, of many rules, is what all of them give at once', async () => {
    const options = [undefined, { httpHostHeader: 'no' }, { ipRules: [{ prefix: '::/0', ports: [1], allow: true }] }, { access: { required: true, teamName: 'team', audTag: ['a'] } }];
    const resolved = await resolve(Array.from({ length: 450 }, (_, index) => ({ hostname: `n${index}.${ZONE}`, destination: 'http://localhost:3000', ...(options[index % 4] === undefined ? {} : { originRequest: options[index % 4] }) })));
    const { yaml, ingress } = await renderConfig(resolved, TARGET);
    expect(yaml).toBe(stringify({ tunnel: TARGET.tunnelId, 'credentials-file': TARGET.credentialsFile, ingress }, { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', lineWidth: 0, aliasDuplicateObjects: false }));
    expect(ingress).toHaveLength(451);
  });

  test('read back by a YAML parser is exactly the rules, each once, and the catch-all last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 8 }), devices, async (rules, known) => {
        const resolved = await resolve(rules, known).catch(onlyRefused);
        if (resolved === undefined) return;
        const { yaml, ingress } = await renderConfig(resolved, TARGET);
        for (const version of ['1.2', '1.1'] as const) {
          expect(parse(yaml, { version })).toEqual({ tunnel: TARGET.tunnelId, 'credentials-file': TARGET.credentialsFile, ingress });
        }
        expect(ingress.at(-1)).toEqual({ service: 'http_status:404' });

        const rendered = ingress.slice(0, -1).map((one) => `${one.hostname ?? ''}${one.path === undefined ? '' : (pathOfPattern(one.path) ?? '?')} ${one.service}`);
        const asked = resolved.rules.map((one) => `${one.valid.hostname}${one.valid.path ?? ''} ${one.service}`);
        expect(rendered.sort()).toEqual(asked.sort());
      }),
      { numRuns: 300 },
    );
  });

  test('answers every name by the rule that is meant: exact before wildcard, longest path first', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { minLength: 1, maxLength: 6 }), fc.nat(), async (rules, pick) => {
        const resolved = await resolve(rules).catch(onlyRefused);
        if (resolved === undefined) return;
        const { ingress } = await renderConfig(resolved, TARGET);
        const { valid } = resolved.rules[pick % resolved.rules.length] ?? {};
        if (valid === undefined) return;
        const host = valid.hostname.replace('*', 'some-name');
        const asked = decodeURIComponent(valid.path ?? '/');
        const answering = ingress.find((one) => answers(one, host, asked));
        // Nothing that was not meant comes before: what answers is the rule itself, or one that names this host or path closer.
        const closer = resolved.rules.filter((other) => other.valid === valid || isCloser(other.valid, valid, host, asked));
        expect(closer.some((other) => other.valid.hostname === answering?.hostname && pathOf(answering) === other.valid.path)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('hostile text never becomes a rule', async () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('evil.example.com\n  - hostname: other.example.com', '*', '"', "a'", '- x', '{a: b}', '[x]', '&a', '*a', '!!js/function', '%TAG', '\u2028', 'a: b', '# c', '? x', '| x', '> x', '@x', '`x`', 'http_status:404\ningress:\n'),
    );
    await fc.assert(
      fc.asyncProperty(fc.record({ hostname: fc.oneof(hostile, hostname), path: fc.oneof(hostile, fc.constant('/x')), destination: fc.oneof(hostile, destination) }), async (one) => {
        const config = await render([one]).catch(onlyRefused);
        if (config === undefined) return;
        const { ingress } = parse(config.yaml) as { readonly ingress: readonly IngressRule[] };
        expect(ingress).toHaveLength(2);
        expect(ingress[0]?.hostname).toMatch(/^(\*\.)?[a-z0-9_.-]+\.example\.com$|^example\.com$/);
      }),
      { numRuns: 2000 },
    );
  });

  test('is the same text for the same rules, and its hash says so', async () => {
    const rules = [{ hostname: 'a.example.com', destination: 'http://localhost', originRequest: { noTLSVerify: true, connectTimeout: '3s' } }];
    const [one, two] = await Promise.all([render(rules), render([{ ...rules[0], originRequest: { connectTimeout: '3s', noTLSVerify: true } }])]);
    expect(two).toEqual(one);
    expect(one.hash).toMatch(/^[0-9a-f]{64}$/);
    expect((await render([])).hash).not.toBe(one.hash);
  });
});

function onlyRefused(error: unknown): undefined {
  if (!(error instanceof SupervisorError) || error.code !== 'FORWARDING_INVALID') throw error;
}

const pathOf = (one: IngressRule | undefined): string | undefined => (one?.path === undefined ? undefined : pathOfPattern(one.path));

/** As cloudflared decides. */
function answers(one: IngressRule, host: string, asked: string): boolean {
  const named = one.hostname === undefined || one.hostname === host || (one.hostname.startsWith('*.') && host.endsWith(one.hostname.slice(1)));
  return named && (one.path === undefined || new RegExp(one.path, 'u').test(asked));
}

interface Named {
  readonly hostname: string;
  readonly path: string | undefined;
}

function isCloser(other: Named, one: Named, host: string, asked: string): boolean {
  if (!answers({ hostname: other.hostname, service: UNRESOLVED_SERVICE }, host, asked)) return false;
  const specificity = ({ hostname: name }: Named): number => (name.startsWith('*.') ? name.split('.').length : 1000);
  return specificity(other) > specificity(one) || (other.hostname === one.hostname && (other.path?.length ?? 0) > (one.path?.length ?? 0));
}
