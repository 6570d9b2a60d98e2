import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Revision, RevisionRule } from '../../../src/core/revision.js';
import { readConfigCopy } from '../../../src/daemon/read-config-copy.js';
import { readStoredIngress } from '../../../src/forwarding/stored-ingress.js';

const rules: readonly RevisionRule[] = [
  { rule: { hostname: '*.example.com', destination: 'http://127.0.0.1:1' }, status: 'live' },
  { rule: { hostname: 'app.example.com', destination: 'http://[123]:8000' }, status: 'live', resolvedIp: '10.10.0.5' },
  { rule: { hostname: 'app.example.com', path: '/a.b', destination: 'https://127.0.0.1:2' }, status: 'live' },
];
const current: Revision = {
  revision: 3, createdAt: '2026-01-01T00:00:00.000Z', reason: 'user', tunnelId: 't', domain: 'example.com', rules, setAside: [], configHash: '',
  addresses: [{ deviceId: '123', address: '10.10.0.5', mac: undefined, at: '2026-01-01T00:00:00.000Z' }],
};

const file = async (edit: (ingress: Record<string, unknown>[]) => unknown, rest: object = { tunnel: 't', 'credentials-file': '/x' }): Promise<string> => {
  const ingress = (await readStoredIngress(current)).map((entry): Record<string, unknown> => ({ ...entry }));
  return stringify({ ...rest, ingress: edit(ingress) ?? ingress });
};

describe('config.yml as a person left it', () => {
  test('untouched, it is the rules that it was made of, in the order of the user', async () => {
    expect(await readConfigCopy(await file(() => undefined), current)).toEqual(rules.map(({ rule }) => rule));
  });

  test('a rule beside a device does not make the device an address', async () => {
    const content = await file((ingress) => void ingress.unshift({ hostname: 'new.example.com', path: '^/api(/|$)', service: 'http://127.0.0.1:9' }));
    expect(await readConfigCopy(content, current)).toEqual([...rules.map(({ rule }) => rule), { hostname: 'new.example.com', path: '/api', destination: 'http://127.0.0.1:9' }]);
  });

  test('a device with another option stays a device', async () => {
    const content = await file((ingress) => ingress.map((entry) => (entry['service'] === 'http://10.10.0.5:8000' ? { ...entry, originRequest: { connectTimeout: '5s' } } : entry)));
    expect(await readConfigCopy(content, current)).toContainEqual({ hostname: 'app.example.com', destination: 'http://[123]:8000', originRequest: { connectTimeout: '5s' } });
  });

  test('a service that was changed is what was written', async () => {
    const content = await file((ingress) => ingress.map((entry) => (entry['hostname'] === '*.example.com' ? { ...entry, service: 'http://127.0.0.1:7' } : entry)));
    expect(await readConfigCopy(content, current)).toContainEqual({ hostname: '*.example.com', destination: 'http://127.0.0.1:7' });
  });

  test.each<[string, () => Promise<string> | string, string]>([
    ['no YAML', () => 'a: [', 'not YAML'],
    ['no configuration', () => '- 1', 'not a configuration'],
    ['aliases that unfold', () => 'a: &a [1]\ningress: *a', 'not YAML'],
    ['no ingress', () => '{}', 'no list of ingress rules'],
    ['another tunnel', () => file(() => undefined, { tunnel: 'other' }), 'another tunnel'],
    ['a key of its own', () => file(() => undefined, { 'warp-routing': { enabled: true } }), 'warp-routing'],
    ['no catch-all', () => file((ingress) => ingress.slice(0, -1)), 'answers 404'],
    ['another catch-all', () => file((ingress) => [...ingress.slice(0, -1), { service: 'http://127.0.0.1:1' }]), 'answers 404'],
    ['a rule for every name', () => file((ingress) => void ingress.unshift({ service: 'http://127.0.0.1:1' })), 'rule 0: it needs a hostname'],
    ['a path that is no prefix', () => file((ingress) => void ingress.unshift({ hostname: 'a.example.com', path: 'png$', service: 'http_status:200' })), 'rule 0: its path'],
    ['a rule with more', () => file((ingress) => void ingress.unshift({ hostname: 'a.example.com', service: 'http_status:200', x: 1 })), '"x"'],
    ['a rule that is none', () => file((ingress) => [null, ...ingress]), 'rule 0: it is not an ingress rule'],
  ])('%s is refused, and it is said why', async (_name, content, words) => {
    await expect(readConfigCopy(await content(), current)).rejects.toMatchObject({ code: 'FORWARDING_INVALID', message: expect.stringContaining(words) as unknown });
  });

  test('any text gives rules or FORWARDING_INVALID', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json(), fc.object().map((value) => stringify({ ingress: [value, { service: 'http_status:404' }] }))), async (content) => {
        const outcome = await readConfigCopy(content, current).catch((error: { code: string }) => error);
        expect(Array.isArray(outcome) ? 'rules' : (outcome as { code: string }).code).toMatch(/^(rules|FORWARDING_INVALID)$/);
      }),
    );
  });
});
