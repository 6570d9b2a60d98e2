import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RUN_OPTIONS, readRunOptions, variableOf, type RunOptionName } from '../../../src/daemon/options.js';
import { SupervisorError } from '../../../src/core/errors.js';

const problemsOf = (run: () => unknown): SupervisorError => {
  try {
    run();
  } catch (error) {
    if (error instanceof SupervisorError) return error;
    throw error;
  }
  throw new Error('was accepted');
};

describe('options of run', () => {
  test('nothing given is nothing decided', () => {
    const options = readRunOptions({}, {});
    expect(options.edge).toEqual([]);
    expect(Object.entries(options).filter(([name, value]) => name !== 'edge' && value !== undefined)).toEqual([]);
  });

  test('a flag and its variable say the same, and the flag wins', () => {
    const variable = { CLOUDFLARED_SUPERVISOR_API_URL: 'http://127.0.0.1:1/client/v4' };
    expect(readRunOptions({}, variable).apiUrl).toBe('http://127.0.0.1:1/client/v4');
    expect(readRunOptions({ 'api-url': 'http://127.0.0.1:2/client/v4/' }, variable).apiUrl).toBe('http://127.0.0.1:2/client/v4');
  });

  test('an empty variable is none, an empty flag is wrong', () => {
    expect(readRunOptions({}, { CLOUDFLARED_SUPERVISOR_SOCKET: '' }).socket).toBeUndefined();
    expect(problemsOf(() => readRunOptions({ socket: '' }, {})).code).toBe('OPTION_INVALID');
  });

  test('edges are repeatable and comma-separated', () => {
    expect(readRunOptions({ edge: ['a.example:1,b.example:2', '[::1]:7844'] }, {}).edge).toEqual(['a.example:1', 'b.example:2', '[::1]:7844']);
    expect(readRunOptions({}, { CLOUDFLARED_SUPERVISOR_EDGE: '127.0.0.1:1, 127.0.0.1:2' }).edge).toEqual(['127.0.0.1:1', '127.0.0.1:2']);
  });

  test.each([
    ['30s', 30_000], ['30', 30_000], ['1m30s', 90_000], ['3m', 180_000], ['500ms', 500], ['1.5s', 1500], ['0s', 0],
  ])('grace period %s', (text, ms) => {
    expect(readRunOptions({ 'grace-period': text }, {}).gracePeriod).toBe(ms);
  });

  test.each<[RunOptionName, string]>([
    ['grace-period', '4m'], ['grace-period', '30x'], ['grace-period', ''], ['grace-period', '-1s'],
    ['api-url', 'ftp://x/client/v4'], ['api-url', 'http://x/'], ['api-url', 'http://u:p@x/client/v4'], ['api-url', 'x'],
    ['edge', 'host'], ['edge', 'host:0'], ['edge', 'host:65536'], ['edge', 'a b:1'], ['edge', 'a:1,'],
    ['proxmox-fingerprint', 'ab'], ['proxmox-fingerprint', 'x'.repeat(64)], ['lease-file', 'a\0b'],
    ['connections', '0'], ['connections', '17'], ['connections', '1.5'],
    ['protocol', 'http3'], ['replace', 'swap'], ['log-level', 'trace'], ['user', 'a b'], ['user', '-x'], ['base-dir', 'a\0b'],
  ])('--%s %j is refused by name', (name, value) => {
    const error = problemsOf(() => readRunOptions({ [name]: value }, {}));
    expect(error.code).toBe('OPTION_INVALID');
    expect(error.problems.map((problem) => problem.field)).toEqual([`--${name}`]);
  });

  test('every wrong option is reported at once, with where it came from', () => {
    const error = problemsOf(() => readRunOptions({ replace: 'x' }, { CLOUDFLARED_SUPERVISOR_PROTOCOL: 'y' }));
    expect(error.problems.map((problem) => problem.field)).toEqual(['CLOUDFLARED_SUPERVISOR_PROTOCOL', '--replace']);
  });

  test('an option that is not repeatable cannot be given twice', () => {
    expect(problemsOf(() => readRunOptions({ replace: ['overlap', 'restart'] }, {})).message).toContain('once');
  });

  test('any text gives a value or OPTION_INVALID without control characters', () => {
    const names = Object.keys(RUN_OPTIONS) as RunOptionName[];
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.string({ unit: 'binary' }), (name, text) => {
        try {
          readRunOptions({}, { [variableOf(name)]: text });
        } catch (error) {
          if (!(error instanceof SupervisorError)) throw error;
          expect(error.code).toBe('OPTION_INVALID');
          // oxlint-disable-next-line no-control-regex
          expect(error.message).not.toMatch(/[\u0000-\u001f]/);
        }
      }),
    );
  });
});
