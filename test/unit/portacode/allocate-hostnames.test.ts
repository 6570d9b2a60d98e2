import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ForwardingRule } from '../../../src/core/rule.js';
import { allocateHostnames, belongsTo, exposedPorts } from '../../../src/portacode/allocate-hostnames.js';
import type { PortSpec } from '../../../src/portacode/parse-ports.js';

const domain = 'example.com';
const deviceId = '598';
const http = (port: number): PortSpec => ({ port, protocol: 'http' });
const https = (port: number): PortSpec => ({ port, protocol: 'https' });
const namesOf = (rules: readonly ForwardingRule[], ...specs: readonly PortSpec[]): readonly string[] => allocateHostnames({ rules, domain, deviceId, specs }).exposed.map(({ hostname }) => hostname);
const after = (rules: readonly ForwardingRule[], ...specs: readonly PortSpec[]): readonly ForwardingRule[] => allocateHostnames({ rules, domain, deviceId, specs }).rules;

describe('names of exposed ports', () => {
  test('the first has the name of the device, the others that of their port', () => {
    expect(namesOf([], http(3001), http(8000), https(8443))).toEqual(['598.example.com', '598-8000.example.com', '598-8443-https.example.com']);
    expect(namesOf([], https(8443))).toEqual(['598.example.com']);
  });

  test('from [3001] to [8000, 3001]: a rule keeps its name, the new one takes a free one', () => {
    expect(namesOf(after([], http(3001)), http(8000), http(3001))).toEqual(['598-8000.example.com', '598.example.com']);
  });

  test('http and https of one port are two', () => {
    expect(namesOf(after([], http(443)), https(443), http(443))).toEqual(['598-443-https.example.com', '598.example.com']);
  });

  test('a name of more than one label is not kept: no certificate covers it', () => {
    expect(namesOf([{ hostname: '598.6.example.com', destination: 'http://[598]:3001' }], http(3001))).toEqual(['598.example.com']);
  });

  test('a name given by hand is kept, options and all', () => {
    const own: ForwardingRule = { hostname: 'shop.example.com', destination: 'https://[598]:8443', originRequest: { noTLSVerify: false } };
    expect(allocateHostnames({ rules: [own], domain, deviceId, specs: [https(8443)] }).rules).toEqual([own]);
  });

  test("somebody's own rule of the device's name is a name that is taken", () => {
    const own: ForwardingRule = { hostname: '598.example.com', destination: 'http://127.0.0.1:80' };
    const other: ForwardingRule = { hostname: '1_598.example.com', destination: 'http://[7]:80' };
    expect(after([own, other], http(3001))).toEqual([own, other, { hostname: '598-3001.example.com', destination: 'http://[598]:3001' }]);
    expect(after([own, other])).toEqual([own, other]);
    expect(namesOf([own, { hostname: '598-3001.example.com', destination: 'http://[7]:1' }], http(3001))).toEqual(['598-3001-2.example.com']);
  });

  test('a name that is taken for one path is taken', () => {
    expect(namesOf([{ hostname: '598.example.com', path: '/docs', destination: 'http://127.0.0.1:80' }], http(3001))).toEqual(['598-3001.example.com']);
  });

  test('all that leads to the device belongs to it, and what leads nowhere under its name', () => {
    const belongs = (hostname: string, destination: string): boolean => belongsTo({ hostname, destination }, deviceId, domain);
    expect(belongs('any.example.com', 'HTTPS://[598]')).toBe(true);
    expect(belongs('any.example.com', 'http://[5980]:1')).toBe(false);
    expect(belongs('598.example.com', 'http://[7]:1')).toBe(false);
    expect(belongs('1_598.example.com', '')).toBe(true);
    expect(belongs('other.example.com', '')).toBe(false);
  });

  test('what is exposed now can be said of the rules alone', () => {
    const { rules, exposed } = allocateHostnames({ rules: [{ hostname: 'a.example.com', destination: 'http://[7]:1' }], domain, deviceId, specs: [http(3001), https(8443)] });
    expect(exposedPorts(rules, deviceId)).toEqual(exposed);
  });
});

const spec = fc.record({ port: fc.integer({ min: 1, max: 5 }), protocol: fc.constantFrom('http' as const, 'https' as const) });
const specs = fc.uniqueArray(spec, { maxLength: 3, selector: ({ port, protocol }) => `${port}${protocol}` });
const label = fc.constantFrom('598', '1_598', '598-1', '598-2', '598-1-https', '598-1-2', 'app', '599', 'a.b');
const otherRule = fc.record({ hostname: label.map((name) => `${name}.${domain}`), destination: fc.constantFrom('http://127.0.0.1:1', 'http://[599]:1', 'https://[5]:3', 'tcp://db:5432') });
const ownRule = fc.record({ hostname: label.map((name) => `${name}.${domain}`), destination: spec.map(({ port, protocol }) => `${protocol}://[${deviceId}]:${port}`) });
/** Stored rules have a name each. */
const stored = fc.uniqueArray(fc.oneof(otherRule, ownRule), { maxLength: 8, selector: ({ hostname }) => hostname });

describe('whatever is stored and asked', () => {
  test('no name is given twice, nobody else loses a rule, and the order holds', () => {
    fc.assert(fc.property(stored, specs, (rules, asked) => {
      const result = allocateHostnames({ rules, domain, deviceId, specs: asked });
      const names = result.rules.map(({ hostname }) => hostname);
      expect(new Set(names).size).toBe(names.length);
      const others = rules.filter((rule) => !belongsTo(rule, deviceId, domain));
      expect(result.rules.slice(0, others.length)).toEqual(others);
      expect(result.rules.slice(others.length).map(({ destination }) => destination)).toEqual(asked.map(({ port, protocol }) => `${protocol}://[${deviceId}]:${port}`));
      expect(result.exposed.map(({ port, protocol, hostname, url }) => ({ port, protocol, same: url === `https://${hostname}` }))).toEqual(asked.map((one) => ({ ...one, same: true })));
      for (const { hostname } of result.exposed) expect(hostname.slice(0, -domain.length - 1)).toMatch(/^[^.]+$/);
    }));
  });

  test('through any sequence of wishes a port that stays keeps its name', () => {
    fc.assert(fc.property(stored, fc.array(specs, { minLength: 2, maxLength: 6 }), (rules, wishes) => {
      let now: readonly ForwardingRule[] = rules;
      let before = new Map<string, string>();
      for (const wish of wishes) {
        const result = allocateHostnames({ rules: now, domain, deviceId, specs: wish });
        const names = new Map(result.exposed.map(({ port, protocol, hostname }) => [`${port}/${protocol}`, hostname]));
        for (const [port, hostname] of names) if (before.has(port)) expect(hostname).toBe(before.get(port));
        [now, before] = [result.rules, names];
      }
    }));
  });

  test('asked again, nothing changes', () => {
    fc.assert(fc.property(stored, specs, (rules, asked) => {
      const once = allocateHostnames({ rules, domain, deviceId, specs: asked });
      expect(allocateHostnames({ rules: once.rules, domain, deviceId, specs: asked })).toEqual(once);
    }));
  });
});
