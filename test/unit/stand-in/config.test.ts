import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseConfig } from '../../../src/sandbox/stand-in/config/parse-config.js';

const parse = (text: string): ReturnType<typeof parseConfig> => parseConfig(text, 'c.yml');
const problemOf = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    return String(error);
  }
  return '';
};

describe('the configuration file', () => {
  test('is read into rules, options and the rest', () => {
    expect(
      parse(`tunnel: 5
loglevel: debug
edge: [a:1, b:2]
warp-routing: {connectTimeout: 3s}
originRequest: &shared {noTLSVerify: yes, connectTimeout: 1m30s}
ingress:
  - hostname: a.com
    path: x
    service: http://a
    originRequest: {<<: *shared, noTLSVerify: no, access: {required: true, audTag: [a, 1]}, ipRules: [{prefix: 10.0.0.0/8, ports: [80], allow: true}]}
  - service: 404
  - {service: x, originRequest: null, hostname: ~}
`),
    ).toEqual({
      source: 'c.yml',
      tunnel: '5',
      originRequest: { noTLSVerify: true, connectTimeout: 90_000 },
      warpRouting: { connectTimeout: 3000 },
      ingress: [
        {
          hostname: 'a.com', path: 'x', service: 'http://a',
          originRequest: { noTLSVerify: false, connectTimeout: 90_000, access: { required: true, audTag: ['a', '1'] }, ipRules: [{ prefix: '10.0.0.0/8', ports: [80], allow: true }] },
        },
        { service: '404' },
        { service: 'x' },
      ],
      settings: new Map<string, unknown>([['loglevel', 'debug'], ['edge', ['a:1', 'b:2']]]),
      warnings: '',
    });
  });

  test.each(['', '\n', '# nothing\n'])('%j holds nothing', (text) => {
    expect(parse(text)).toBeUndefined();
  });

  test('all problems are told, with their lines', () => {
    expect(problemOf('ingress:\n  - service: [1]\n    originRequest:\n      noTLSVerify: maybe\n      proxyPort: -1\n      connectTimeout: 5\ningress: 1\n')).toBe(
      'Failure: error parsing YAML in config file at c.yml: yaml: unmarshal errors:\n' +
        '  line 7: mapping key "ingress" already defined at line 1\n' +
        '  line 2: cannot unmarshal !!seq into string\n' +
        '  line 4: cannot unmarshal !!str `maybe` into bool\n' +
        '  line 5: cannot unmarshal !!int `-1` into uint\n' +
        '  line 6: cannot unmarshal !!int `5` into time.Duration\n' +
        '  line 7: cannot unmarshal !!int `1` into []config.UnvalidatedIngressRule',
    );
  });

  test('JSON is read as it is', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => value !== '');
    const rule = fc.record({ hostname: text, path: text, service: text }, { requiredKeys: [] });
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 4 }), text, (ingress, tunnel) => {
        expect(parse(JSON.stringify({ tunnel, ingress }))).toMatchObject({ tunnel, ingress });
      }),
    );
  });

  test('whatever is in the file, it is read or refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', ']', '{', '}', '&', '*', '!', '"', "'", '#', '\t', 'ingress', 'tunnel', '<<', '|', '?', '~') }), (text) => {
        const problem = problemOf(text);
        if (problem !== '') expect(problem).toMatch(/^Failure: error parsing YAML in config file at c\.yml: yaml: /u);
      }),
      { numRuns: 3000 },
    );
  });
});
