import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERRORS, SupervisorError } from '../../../src/core/errors.js';
import { classifyEnd, classifyLife, classifyLocally, classifyRemotely } from '../../../src/connector/classify.js';
import type { LocalFacts, RemoteFacts } from '../../../src/connector/classify.js';
import { diagnoseEnd, diagnoseLife } from '../../../src/connector/diagnose.js';
import { cureOf, failure, FAILURES, isFailureCode, toFailure } from '../../../src/connector/failures.js';
import type { FactFinder } from '../../../src/connector/ports.js';

const exit = { exitCode: 1, signal: null, lastLine: 'the last words' };
const local: LocalFacts = { exit, everReady: false, preflight: undefined, memoryKill: false, portTaken: false, binary: undefined, refusedConfig: undefined };
const remote: RemoteFacts = { refused: false, tunnel: 'unknown', network: 'up', resolverAnswers: true, everReady: false };

describe('an end is told by facts', () => {
  test.each<[string, Partial<LocalFacts>, string | undefined]>([
    ['nothing found', {}, undefined],
    ['a file is wrong', { preflight: failure('CREDENTIALS_MISSING') }, 'CREDENTIALS_MISSING'],
    ['the binary does not run', { binary: failure('BINARY_UNUSABLE') }, 'BINARY_UNUSABLE'],
    ['the config is refused', { refusedConfig: 'no catch-all' }, 'CONFIG_REFUSED'],
    ['the port is taken', { portTaken: true }, 'METRICS_PORT_TAKEN'],
    ['a refused config goes before a taken port', { portTaken: true, refusedConfig: 'no catch-all' }, 'CONFIG_REFUSED'],
    ['the kernel took it', { exit: { ...exit, exitCode: null, signal: 'SIGKILL' }, memoryKill: true }, 'MEMORY_EXHAUSTED'],
    ['somebody killed it', { exit: { ...exit, exitCode: null, signal: 'SIGKILL' } }, undefined],
    ['somebody else was killed for memory', { memoryKill: true }, undefined],
    ['it served: its config cannot be it', { everReady: true, refusedConfig: 'changed since', portTaken: true }, undefined],
    ['it served, and its credentials are gone', { everReady: true, preflight: failure('CREDENTIALS_MISSING') }, 'CREDENTIALS_MISSING'],
  ])('%s', (_, facts, code) => {
    expect(classifyLocally({ ...local, ...facts })?.code).toBe(code);
  });

  test.each<[string, Partial<RemoteFacts>, string | undefined]>([
    ['all is well', {}, undefined],
    ['refused, and the tunnel is gone', { refused: true, tunnel: 'deleted' }, 'TUNNEL_DELETED'],
    ['refused, and the secret is another', { refused: true, tunnel: 'credentials-refused' }, 'CREDENTIALS_REFUSED'],
    ['refused, and the tunnel is there', { refused: true, tunnel: 'usable' }, 'EDGE_REFUSED'],
    ['refused earlier, and the edge is away now', { refused: true, network: 'down' }, 'EDGE_UNREACHABLE'],
    ['a deleted tunnel that nobody refused is no finding', { tunnel: 'deleted' }, undefined],
    ['the edge is away', { network: 'down' }, 'EDGE_UNREACHABLE'],
    ['the resolver is silent, and the edge away', { network: 'down', resolverAnswers: false }, 'RESOLVER_DEAD'],
    ['a start waits for a silent resolver', { resolverAnswers: false }, 'RESOLVER_DEAD'],
    ['one that served does not need it', { resolverAnswers: false, everReady: true }, undefined],
  ])('%s', (_, facts, code) => {
    expect(classifyRemotely({ ...remote, ...facts })?.code).toBe(code);
  });

  test('what nothing explains is a crash, or a connector that has no connection', () => {
    expect(classifyEnd(exit)).toMatchObject({ code: 'CONNECTOR_CRASHED', message: expect.stringContaining('the last words') as unknown });
    expect(classifyEnd({ ...exit, exitCode: null, signal: 'SIGSEGV', lastLine: '' }).message).toContain('died of SIGSEGV');
    expect(classifyLife(remote).code).toBe('CONNECTOR_NOT_READY');
    expect(classifyLife({ ...remote, everReady: true }).code).toBe('CONNECTOR_LOST');
  });

  test('what it wrote decides nothing', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (one, other) => {
      const of = (lastLine: string): unknown => classifyLocally({ ...local, exit: { ...exit, lastLine } })?.code;
      expect(of(one)).toBe(of(other));
    }));
  });
});

describe('the table of failures', () => {
  test('has a code of the errors for each, a fact, what we do, and a cure', () => {
    for (const [code, spec] of Object.entries(FAILURES)) {
      expect(Object.keys(ERRORS)).toContain(code);
      expect(spec.recognisedBy.endsWith('.') && spec.weDo.endsWith('.')).toBe(true);
      expect(['restart', 'network', 'person']).toContain(spec.cure);
      expect(isFailureCode(code)).toBe(true);
    }
  });

  test('what is thrown by a port keeps its code where it is one of these', () => {
    expect(toFailure(new SupervisorError('DISK_FULL', 'no room'))).toEqual({ code: 'DISK_FULL', message: 'no room' });
    expect(toFailure(new SupervisorError('REVISION_UNKNOWN', 'no 7'))).toEqual({ code: 'CONNECTOR_CRASHED', message: 'no 7' });
    expect(toFailure('odd')).toEqual({ code: 'CONNECTOR_CRASHED', message: 'odd' });
    expect(cureOf('RESOLVER_DEAD')).toBe('network');
  });
});

/** Facts that throw when a test did not give them: nothing is found out that is not needed. */
function facts(given: Partial<FactFinder>): FactFinder {
  const ungiven = (name: string) => async (): Promise<never> => await Promise.reject(new Error(`nobody should ask for ${name}`));
  const names = ['preflight', 'checkBinary', 'refusedConfig', 'portTaken', 'network', 'resolverAnswers', 'tunnel', 'memoryKills', 'fingerprint'] as const;
  return { ...Object.fromEntries(names.map((name) => [name, ungiven(name)])), ...given } as FactFinder;
}

const ended = { revision: 3, metricsPort: 4_000, exit, everReady: false, refused: false, memoryKillsBefore: 5 };

describe('diagnosis asks for no more than it needs', () => {
  test('a wrong file: nothing else is looked at', async () => {
    const found = await diagnoseEnd(facts({ preflight: async () => new SupervisorError('CREDENTIALS_MISSING', 'gone'), memoryKills: async () => 5 }), ended);
    expect(found).toEqual({ code: 'CREDENTIALS_MISSING', message: 'gone' });
  });

  test('one that served is not validated again, but the network is looked at', async () => {
    const found = await diagnoseEnd(facts({ preflight: async () => undefined, memoryKills: async () => 5, network: async () => 'down', resolverAnswers: async () => true }), { ...ended, everReady: true });
    expect(found.code).toBe('EDGE_UNREACHABLE');
  });

  test('the kernel counts one more victim', async () => {
    const killed = { ...ended, exit: { exitCode: null, signal: 'SIGKILL', lastLine: '' } };
    expect((await diagnoseEnd(facts({ preflight: async () => undefined, memoryKills: async () => 6 }), killed)).code).toBe('MEMORY_EXHAUSTED');
  });

  test('a refusal asks the API, and only a new one does', async () => {
    const refused = { revision: 3, everReady: false, refused: true };
    expect(await diagnoseLife(facts({ tunnel: async () => 'deleted' }), { ...refused, refusedAgain: true })).toMatchObject({ failure: { code: 'TUNNEL_DELETED' }, network: 'up' });
    expect(await diagnoseLife(facts({ network: async () => 'up', resolverAnswers: async () => true }), { ...refused, refusedAgain: false })).toMatchObject({ failure: { code: 'EDGE_REFUSED' } });
  });
});
