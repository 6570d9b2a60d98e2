import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERRORS, SupervisorError } from '../../../src/core/errors.js';
import { classifyEnd, classifyLife, classifyLocally, classifyRemotely } from '../../../src/connector/classify.js';
import type { LocalFacts, RemoteFacts } from '../../../src/connector/classify.js';
import { diagnoseEnd, diagnoseLife } from '../../../src/connector/diagnose.js';
import { cureOf, failure, FAILURES, isFailureCode, toFailure } from '../../../src/connector/failures.js';
import type { FactFinder, ProcessExit } from '../../../src/connector/ports.js';

const exit = { exitCode: 1, signal: null, lastLine: 'the last words' };
const local: LocalFacts = { exit, everReady: false, preflight: undefined, memoryKill: false, portTaken: false, binary: undefined, refusedConfig: undefined };
const remote: RemoteFacts = { refused: false, tunnel: 'unknown', network: 'up', resolver: 'answers', edgeIsNamed: true, everReady: false, mute: false };

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
    ['the resolver is silent, and the edge has no address but by name', { network: 'down', resolver: 'silent' }, 'RESOLVER_DEAD'],
    ['the resolver refuses, and the edge has no address but by name', { network: 'down', resolver: 'refuses' }, 'RESOLVER_DEAD'],
    ['the resolver is silent, but nobody asks it for the edge', { network: 'down', resolver: 'silent', edgeIsNamed: false }, 'EDGE_UNREACHABLE'],
    ['a start waits for a silent resolver', { resolver: 'silent', mute: true }, 'RESOLVER_DEAD'],
    ['a start waits for it, and the edge is away too', { resolver: 'silent', mute: true, network: 'down', edgeIsNamed: false }, 'RESOLVER_DEAD'],
    ['a start that is past its look-ups does not wait for it', { resolver: 'silent' }, undefined],
    ['nor one that is mute for another reason', { mute: true }, undefined],
    ['one that served does not need it', { resolver: 'silent', everReady: true, mute: true }, undefined],
  ])('%s', (_, facts, code) => {
    expect(classifyRemotely({ ...remote, ...facts })?.code).toBe(code);
  });

  test.each<[string, Partial<RemoteFacts>, number, Partial<ProcessExit>, string]>([
    ['a crash, and there is no resolver either', { resolver: 'silent' }, 40_000, { exitCode: 3 }, 'CONNECTOR_CRASHED'],
    ['a crash before any look-up could be given up', { resolver: 'silent', network: 'down' }, 50, {}, 'EDGE_UNREACHABLE'],
    ['it gave up its look-ups, and knows no edge without them', { resolver: 'silent', network: 'down' }, 40_000, {}, 'RESOLVER_DEAD'],
    ['it gave up at once, since the resolver refuses', { resolver: 'refuses', network: 'down' }, 300, {}, 'RESOLVER_DEAD'],
    ['it was given the edge, so that no look-up ended it', { resolver: 'refuses', network: 'down', edgeIsNamed: false }, 300, {}, 'EDGE_UNREACHABLE'],
    ['a signal is no giving up', { resolver: 'refuses', network: 'down' }, 300, { exitCode: null, signal: 'SIGSEGV' }, 'EDGE_UNREACHABLE'],
    ['it had served', { resolver: 'refuses', network: 'down', everReady: true }, 300, {}, 'EDGE_UNREACHABLE'],
    ['the edge refused it', { refused: true }, 2_000, {}, 'EDGE_REFUSED'],
  ])('%s', (_, facts, livedMs, how, code) => {
    const found = classifyEnd({ ...exit, ...how }, livedMs, { ...remote, ...facts });
    expect(found).toMatchObject({ code, message: expect.stringContaining('the last words') as unknown });
  });

  test('what nothing explains is a crash, or a connector that has no connection', () => {
    expect(classifyEnd(exit, 50, remote)).toMatchObject({ code: 'CONNECTOR_CRASHED', message: expect.stringContaining('the last words') as unknown });
    expect(classifyEnd({ ...exit, exitCode: null, signal: 'SIGSEGV', lastLine: '' }, 50, remote).message).toContain('died of SIGSEGV');
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
  const names = ['preflight', 'checkBinary', 'refusedConfig', 'portTaken', 'network', 'resolver', 'tunnel', 'memoryKills', 'fingerprint'] as const;
  return { ...Object.fromEntries(names.map((name) => [name, ungiven(name)])), edgeIsNamed: () => true, ...given } as FactFinder;
}

const ended = { revision: 3, metricsPort: 4_000, exit, livedMs: 50, everReady: false, refused: false, memoryKillsBefore: 5 };

describe('diagnosis asks for no more than it needs', () => {
  test('a wrong file: nothing else is looked at', async () => {
    const found = await diagnoseEnd(facts({ preflight: async () => new SupervisorError('CREDENTIALS_MISSING', 'gone'), memoryKills: async () => 5 }), ended);
    expect(found).toEqual({ code: 'CREDENTIALS_MISSING', message: 'gone' });
  });

  test('one that served is not validated again, but the network is looked at', async () => {
    const found = await diagnoseEnd(facts({ preflight: async () => undefined, memoryKills: async () => 5, network: async () => 'down', resolver: async () => 'answers' }), { ...ended, everReady: true });
    expect(found.code).toBe('EDGE_UNREACHABLE');
  });

  test('the kernel counts one more victim', async () => {
    const killed = { ...ended, exit: { exitCode: null, signal: 'SIGKILL', lastLine: '' } };
    expect((await diagnoseEnd(facts({ preflight: async () => undefined, memoryKills: async () => 6 }), killed)).code).toBe('MEMORY_EXHAUSTED');
  });

  test('a refusal asks the API, and only a new one does', async () => {
    const refused = { revision: 3, everReady: false, refused: true, mute: false };
    expect(await diagnoseLife(facts({ tunnel: async () => 'deleted' }), { ...refused, refusedAgain: true })).toMatchObject({ failure: { code: 'TUNNEL_DELETED' }, network: 'up' });
    expect(await diagnoseLife(facts({ network: async () => 'up', resolver: async () => 'answers' }), { ...refused, refusedAgain: false })).toMatchObject({ failure: { code: 'EDGE_REFUSED' } });
  });
});
