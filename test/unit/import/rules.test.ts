import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { convertRules, type RuleChoices } from '../../../src/import/decide/rules.js';
import { checkRules } from '../../../src/import/decide/check-rules.js';
import { pathPattern } from '../../../src/forwarding/path.js';
import { compareRanks, rankRule } from '../../../src/forwarding/rule-order.js';
import type { IngressEntry } from '../../../src/import/parse/config-file.js';

const entry = (hostname: string, service: string, path = ''): IngressEntry => ({ hostname, path, service, originRequest: {} });
const LAST = entry('', 'http_status:404');
const none: RuleChoices = { hosts: [], skip: [] };
const convert = (entries: readonly IngressEntry[], choices: Partial<RuleChoices> = {}, originRequest = {}) => convertRules({ entries, originRequest }, { ...none, ...choices });
const takenBy = (entries: readonly IngressEntry[], choices: Partial<RuleChoices> = {}) => convert(entries, choices).taken.map(({ rule }) => `${rule.hostname}${rule.path ?? ''} ${rule.destination}`);
const refusedBy = (entries: readonly IngressEntry[], choices: Partial<RuleChoices> = {}) => convert(entries, choices).refused.map(({ number, code }) => `${number} ${code}`);

describe('rules of a configuration', () => {
  test('are taken with their options, those of the file under them', () => {
    const { taken, refused, notes } = convert([{ ...entry('App.example.com', 'https://localhost:8443', '^/api(/|$)'), originRequest: { httpHostHeader: 'h' } }, LAST], {}, { connectTimeout: '5s' });
    expect(taken).toEqual([{ number: 1, rule: { hostname: 'app.example.com', path: '/api', destination: 'https://localhost:8443', originRequest: { connectTimeout: '5s', httpHostHeader: 'h', noTLSVerify: false } } }]);
    expect([...refused, ...notes]).toEqual([]);
  });

  test.each([
    ['a pattern', entry('a.example.com', 'http://x:1', '/api/.*'), '1 PATH_INEXPRESSIBLE'],
    ['every name with a path', entry('', 'http://x:1', '^/api(/|$)'), '1 HOSTNAME_REQUIRED'],
    ['a SOCKS proxy', entry('a.example.com', 'socks-proxy'), '1 SERVICE_UNSUPPORTED'],
    ['a bastion', entry('a.example.com', 'bastion'), '1 SERVICE_UNSUPPORTED'],
    ['a wildcard that is none', entry('*a.example.com', 'http://x:1'), '1 HOSTNAME_INVALID'],
    ['a user in the URL', entry('a.example.com', 'http://me@x:1'), '1 DESTINATION_INVALID'],
  ])('%s is refused, with the reason', (_name, one, refused) => {
    expect(refusedBy([one, LAST])).toEqual([refused]);
    expect(convert([one, LAST]).refused[0]?.reason).not.toBe('');
    expect(convert([one, LAST], { skip: ['1'] })).toMatchObject({ refused: [], skipped: [{ number: 1 }] });
  });

  test('the last one answers 404, another status is a note, and a service must be said what it is for', () => {
    expect(convert([entry('a.example.com', 'http://x:1'), entry('', 'http_status:503')])).toMatchObject({ refused: [], notes: [expect.stringContaining('404') as string] });
    const withService = [entry('a.example.com', 'http://x:1'), entry('', 'http://y:2')];
    expect(refusedBy(withService)).toEqual(['2 CATCH_ALL_INEXPRESSIBLE']);
    expect(takenBy(withService, { hosts: ['b.example.com', 'a.example.com'] })).toEqual(['a.example.com http://x:1', 'b.example.com http://y:2']);
    expect(refusedBy(withService, { skip: ['*'] })).toEqual([]);
    expect(takenBy([entry('', 'http://y:2')], { hosts: ['b.example.com'] })).toEqual(['b.example.com http://y:2']);
  });

  test('that no request reaches are left out, whatever is wrong with them', () => {
    expect(takenBy([entry('*.example.com', 'http://x:1'), entry('a.example.com', 'socks-proxy'), entry('*.b.example.com', 'http://y:2', '/z'), entry('example.com', 'http://y:2'), LAST])).toEqual(['*.example.com http://x:1', 'example.com http://y:2']);
    expect(takenBy([entry('a.example.com', 'http://x:1'), entry('a.example.com', 'http://y:2'), LAST])).toEqual(['a.example.com http://x:1']);
  });

  test('that another one would overtake here are refused, unless both lead to the same', () => {
    const overtaken = [entry('*.example.com', 'http://x:1', '^/api(/|$)'), entry('a.example.com', 'http://y:2'), LAST];
    expect(refusedBy(overtaken)).toEqual(['1 RULE_OVERTAKEN']);
    expect(refusedBy(overtaken, { skip: ['a.example.com'] })).toEqual([]);
    expect(refusedBy([entry('*.example.com', 'http://x:1', '^/api(/|$)'), entry('a.example.com', 'http://x:1'), LAST])).toEqual([]);
    expect(refusedBy([entry('*.example.com', 'http://x:1', '^/api(/|$)'), entry('a.example.com', 'http://y:2', '^/web(/|$)'), LAST])).toEqual([]);
  });

  test('are held to what applying them would find', async () => {
    const converted = convert([{ ...entry('a.example.com', 'https://x'), originRequest: { connectTimeout: '5', caPool: '/ca.pem' } }, entry('b.example.com', 'http://y'), LAST]);
    const checked = await checkRules(converted, { canRead: async () => false, isForbidden: async () => true });
    expect(checked.taken.map(({ number }) => number)).toEqual([2]);
    expect(checked.refused).toMatchObject([{ number: 1, code: 'RULE_INVALID', reason: expect.stringMatching(/duration with a unit.*CA file/) as string }]);
    const socket = convert([entry('a.example.com', 'unix:/run/root.sock'), LAST]);
    expect((await checkRules(socket, { canRead: async () => true, isForbidden: async (path) => path === '/run/root.sock' })).refused).toMatchObject([{ number: 1, reason: expect.stringContaining('may not be used') as string }]);
    expect((await checkRules(convert([{ ...entry('a.example.com', 'https://x'), originRequest: { caPool: '/ca.pem' } }, LAST]), { canRead: async () => true, isForbidden: async () => true })).refused).toEqual([]);
  });
});

/** cloudflared's own way of finding a rule. */
function answerOfOld(entries: readonly IngressEntry[], host: string, path: string): string {
  const matchesHost = (hostname: string): boolean => hostname === '' || hostname === '*' || hostname === host || (hostname.startsWith('*.') && host.endsWith(hostname.slice(1)));
  return entries.find((one) => matchesHost(one.hostname) && new RegExp(one.path).test(path))?.service ?? 'nothing';
}

describe('whatever is taken over', () => {
  const name = fc.constantFrom('a.example.com', 'b.example.com', 'x.a.example.com', '*.example.com', '*.a.example.com', 'example.com');
  const pattern = fc.constantFrom('', '^/p(/|$)', '^/p/q(/.*)?$', '^/p', '.*', '^/r(/|$)');
  const service = fc.constantFrom('http://one:1', 'http://two:2', 'http://three:3');
  const rule = fc.tuple(name, service, pattern).map(([hostname, to, path]) => entry(hostname, to, path));
  const last = fc.constantFrom('http_status:404', 'http://one:1').map((to) => entry('', to));
  const hosts = fc.subarray(['a.example.com', 'example.com', 'x.a.example.com']);
  const request = fc.tuple(fc.constantFrom('a.example.com', 'b.example.com', 'x.a.example.com', 'y.b.example.com', 'example.com'), fc.constantFrom('/', '/p', '/p/', '/p/q', '/p/q/r', '/px', '/r'));

  test('answers as before, for every request, unless something stands in the way', () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 6 }), last, hosts, fc.array(request, { minLength: 1, maxLength: 20 }), (rules, catchAll, named, requests) => {
        const entries = [...rules, catchAll];
        const { taken, refused } = convert(entries, { hosts: named });
        if (refused.length > 0) return;
        compared += 1;
        const ours = taken.map((one) => one.rule).toSorted((a, b) => compareRanks(rankRule(a), rankRule(b)));
        for (const [host, path] of requests) {
          const answer = answerOfOld([...ours.map((one) => entry(one.hostname, one.destination, one.path === undefined ? '' : pathPattern(one.path))), LAST], host, path);
          const before = answerOfOld(entries, host, path);
          // A name that was led by the last rule alone, and that nobody named, is the one thing that may change.
          const isUnnamed = answer === LAST.service && before === catchAll.service && named.length > 0;
          if (!isUnnamed) expect(answer, `${host}${path}`).toBe(before);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(compared).toBeGreaterThan(200);
  });
});
