import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import { MAX_RULES, validateRules, type ValidateOptions } from '../../../src/forwarding/validate.js';

const OPTIONS: ValidateOptions = { zone: 'example.com', outsideZone: 'refuse' };
const problemsOf = async (rules: unknown, options: Partial<ValidateOptions> = {}): Promise<readonly string[]> => {
  try {
    await validateRules(rules, { ...OPTIONS, ...options });
    return [];
  } catch (error) {
    if (!(error instanceof SupervisorError)) throw error;
    return error.problems.map(({ rule, field, code }) => `${rule ?? '-'} ${field ?? '-'} ${code}`);
  }
};
const ok = { hostname: 'a.example.com', destination: 'http://localhost' };

describe('a rule', () => {
  test('is stored normalized, in cloudflared\'s order of options', async () => {
    const validated = await validateRules([{ hostname: 'Bücher.Example.com.', path: '/Café/', destination: ' HTTPS://[7]/ ', originRequest: { noTLSVerify: false, connectTimeout: '1s' } }], OPTIONS);
    expect(validated.rules[0]?.rule).toEqual({ hostname: 'xn--bcher-kva.example.com', path: '/Caf%C3%A9', destination: 'https://[7]', originRequest: { connectTimeout: '1s', noTLSVerify: false } });
    expect(Object.keys(validated.rules[0]?.rule.originRequest ?? {})).toEqual(['connectTimeout', 'noTLSVerify']);
    expect((await validateRules([{ ...ok, path: '/', originRequest: {} }], OPTIONS)).rules[0]?.rule).toEqual(ok);
  });

  test('is stored so that it is valid again, and the same', async () => {
    const rules = [{ hostname: '*.example.com', path: '/%61%20b', destination: 'ssh://Host.', originRequest: { keepAliveTimeout: '.5h' } }, ok];
    const once = await validateRules(rules, OPTIONS);
    const stored = once.rules.map(({ rule }) => rule);
    expect((await validateRules(stored, OPTIONS)).rules.map(({ rule }) => rule)).toEqual(stored);
  });

  test('with a field that nobody knows is refused', async () => {
    expect(await problemsOf([{ ...ok, enabled: true, parsed: {} }])).toEqual(['0 enabled FIELD_UNKNOWN', '0 parsed FIELD_UNKNOWN']);
    expect(await problemsOf([JSON.parse('{"hostname":"a.example.com","destination":"http://x","__proto__":{"a":1},"constructor":1}')])).toEqual(['0 __proto__ FIELD_UNKNOWN', '0 constructor FIELD_UNKNOWN']);
    expect(await problemsOf([{ ...ok, path: null }])).toEqual(['0 path PATH_INVALID']);
  });

  test.each(['1', '30', '0', '-1s', '1 s', '1w', '', '1s1', 's', '1.s.', '999999999h'])('with the duration %j is refused', async (connectTimeout) => {
    expect(await problemsOf([{ ...ok, originRequest: { connectTimeout } }])).toEqual(['0 originRequest.connectTimeout ORIGIN_OPTION_INVALID']);
  });

  test.each(['0s', '1ns', '2us', '2µs', '3ms', '1.5s', '.5s', '1.s', '1m30s', '1h1m1s1ms1us1ns'])('with the duration %j is taken', async (connectTimeout) => {
    expect(await problemsOf([{ ...ok, originRequest: { connectTimeout } }])).toEqual([]);
  });
});

describe('a list', () => {
  test('with one name and path twice is refused, however it is spelled', async () => {
    expect(await problemsOf([ok, { ...ok, hostname: 'A.EXAMPLE.com.' }, { ...ok, path: '/' }, { ...ok, path: '/x' }, { ...ok, path: '/x/' }])).toEqual(['1 hostname RULE_DUPLICATE', '2 hostname RULE_DUPLICATE', '4 hostname RULE_DUPLICATE']);
  });

  test('may have ten thousand rules, and no more', async () => {
    const rules = Array.from({ length: MAX_RULES + 1 }, (_, index) => ({ ...ok, hostname: `h${index}.example.com` }));
    expect((await validateRules(rules.slice(1), OPTIONS)).rules).toHaveLength(MAX_RULES);
    expect(await problemsOf(rules)).toEqual(['- - RULES_TOO_MANY']);
  });

  test.each([undefined, null, 'x', 7, {}])('that is %j is none', async (rules) => {
    expect(await problemsOf(rules)).toEqual(['- - RULES_INVALID']);
  });
});

describe('names outside the zone', () => {
  const outside = { ...ok, hostname: 'a.example.org' };

  test('are refused where they are asked for, whatever else is wrong', async () => {
    expect(await problemsOf([outside, { ...outside, destination: 'x' }])).toEqual(['0 hostname HOSTNAME_OUTSIDE_ZONE', '1 destination DESTINATION_INVALID', '1 hostname HOSTNAME_OUTSIDE_ZONE', '1 hostname RULE_DUPLICATE']);
    expect(await problemsOf([{ ...ok, hostname: 'notexample.com' }])).toEqual(['0 hostname HOSTNAME_OUTSIDE_ZONE']);
  });

  test('are set aside where they were stored', async () => {
    const validated = await validateRules([ok, outside], { ...OPTIONS, outsideZone: 'set-aside' });
    expect(validated.rules).toHaveLength(1);
    expect(validated.setAside).toEqual([outside]);
    expect((await validateRules([outside], { ...OPTIONS, setAside: [outside] })).setAside).toEqual([outside]);
  });
});

describe('a CA file', () => {
  const withPool = (caPool: string) => ({ ...ok, originRequest: { caPool } });
  const fileExists = async (path: string): Promise<boolean> => path === '/there.pem';

  test('has to be there when the rule is new, and is not looked for again', async () => {
    expect(await problemsOf([withPool('/there.pem')], { fileExists })).toEqual([]);
    expect(await problemsOf([withPool('/gone.pem')], { fileExists })).toEqual(['0 originRequest.caPool CA_POOL_MISSING']);
    expect(await problemsOf([withPool('/gone.pem')], { fileExists, stored: { rules: [withPool('/gone.pem')], setAside: [] } })).toEqual([]);
    expect(await problemsOf([{ ...withPool('/gone.pem'), hostname: 'b.example.com' }, withPool('/gone.pem')], { fileExists })).toEqual(['0 originRequest.caPool CA_POOL_MISSING', '1 originRequest.caPool CA_POOL_MISSING']);
  });
});

test('any JSON gives rules or problems that name the rule', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.jsonValue(), fc.record({ hostname: fc.jsonValue(), path: fc.jsonValue(), destination: fc.jsonValue(), originRequest: fc.jsonValue() }, { requiredKeys: [] })), { maxLength: 4 }), async (rules) => {
      const problems = await problemsOf(rules);
      for (const problem of problems) expect(problem).toMatch(/^[0-3] (\S.*|-) [A-Z_]+$/s);
      if (rules.length > 0 && problems.length === 0) expect((await validateRules(rules, OPTIONS)).rules).toHaveLength(rules.length);
    }),
    { numRuns: 1000 },
  );
});
