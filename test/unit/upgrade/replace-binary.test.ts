import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import type { ConnectorHandle } from '../../../src/forwarding/ports.js';
import { replaceBinary } from '../../../src/upgrade/replace-binary.js';
import type { UpgradeConnectors, UpgradePorts } from '../../../src/upgrade/ports.js';
import { createTestClock } from '../cloudflare/test-clock.js';

const OLD: ConnectorHandle = { id: 1, revision: 7, pid: 100 };
const NEW: ConnectorHandle = { id: 2, revision: 7, pid: 200 };
const BINARY = { path: '/base/bin/cloudflared.1.0', version: '2026.9.0' };

interface Given {
  readonly connectors?: Partial<UpgradeConnectors>;
  readonly ports?: Partial<UpgradePorts>;
  readonly place?: () => Promise<void>;
}

/** What is done, in order; every call of a port is noted. */
function bench({ connectors = {}, ports = {}, place = async () => undefined }: Given = {}) {
  const done: string[] = [];
  const clock = createTestClock();
  const noting = <A extends unknown[], R>(name: string, work: (...given: A) => R) => (...given: A): R => {
    const [first] = given;
    done.push(typeof first === 'object' && first !== null && 'id' in first ? `${name} ${String(first.id)}` : name);
    return work(...given);
  };
  const all: UpgradeConnectors = {
    current: () => [OLD],
    start: noting('start', connectors.start ?? (async () => NEW)),
    verify: noting('verify', connectors.verify ?? (async () => undefined)),
    promote: noting('promote', connectors.promote ?? (() => undefined)),
    prefer: noting('prefer', connectors.prefer ?? (() => undefined)),
    awaitSuccessor: noting('await successor', connectors.awaitSuccessor ?? (async () => undefined)),
    retire: noting('retire', connectors.retire ?? (async () => undefined)),
    stop: noting('stop', connectors.stop ?? (async () => undefined)),
  };
  const interrupt = new AbortController();
  const run = () => replaceBinary({ binary: BINARY, place: noting('place', place) }, {
    connectors: { ...all, ...(connectors.current === undefined ? {} : { current: connectors.current }) },
    revision: () => 7,
    expectedIngress: async () => [{ service: 'http_status:404' }],
    chooseReplaceMode: () => ({ mode: 'overlap' }),
    clock, verifyTimeoutMs: 60_000, successorTimeoutMs: 15_000, undoTimeoutMs: 30_000,
    ...ports,
  }, interrupt.signal);
  return { done, run, clock, interrupt };
}

const broken = async (): Promise<never> => {
  throw new SupervisorError('CONNECTOR_CRASHED', 'it ended with 1');
};
const restart = { chooseReplaceMode: () => ({ mode: 'restart' as const }) };

describe('replacing the program of the connectors', () => {
  test('proves the new one before it is put in place, and only then lets go of the old one', async () => {
    const { done, run } = bench();
    expect(await run()).toEqual({ connector: 'replaced', warnings: [] });
    expect(done).toEqual(['start', 'verify 2', 'place', 'prefer 2', 'await successor', 'retire 1']);
  });

  test('starts that one connector with it, and no other', async () => {
    const started: unknown[] = [];
    const { run } = bench({ connectors: { start: async (...given) => {
      started.push(given);
      return NEW;
    } } });
    await run();
    expect(started).toEqual([[7, BINARY]]);
  });

  test('is only putting it in place where nothing is published', async () => {
    const { done, run } = bench({ ports: { revision: () => undefined } });
    expect(await run()).toEqual({ connector: 'none', warnings: [] });
    expect(done).toEqual(['place']);
  });

  test('is a first start where no connector runs', async () => {
    const { done, run } = bench({ connectors: { current: () => [] }, ports: restart });
    expect(await run()).toEqual({ connector: 'replaced', warnings: [] });
    expect(done).toEqual(['start', 'verify 2', 'place', 'prefer 2']);
  });

  test('stops the old one first where two do not fit, and says so', async () => {
    const { done, run } = bench({ ports: restart });
    expect(await run()).toMatchObject({ warnings: [{ code: 'REPLACED_BY_RESTART' }] });
    expect(done).toEqual(['stop 1', 'start', 'verify 2', 'place', 'prefer 2', 'await successor', 'retire 1']);
    const short = bench({ ports: { chooseReplaceMode: () => ({ mode: 'restart', warning: { code: 'REPLACED_BY_RESTART', message: 'memory is short' } }) } });
    expect(await short.run()).toMatchObject({ warnings: [{ message: 'memory is short' }] });
  });

  test('lets go of the old one all the same where the new one, proven, is not ready in time', async () => {
    const { run, done, clock } = bench({ connectors: { awaitSuccessor: (_old, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))) } });
    const outcome = run();
    while (!done.includes('await successor')) await new Promise((resolve) => setImmediate(resolve));
    expect(done).not.toContain('retire 1');
    clock.advance(15_000);
    expect(await outcome).toEqual({ connector: 'replaced', warnings: [] });
    expect(done.at(-1)).toBe('retire 1');
  });

  test('leaves the old one to who stops all where the daemon stops meanwhile', async () => {
    const { run, done, interrupt } = bench({ connectors: { awaitSuccessor: (_old, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))) } });
    const outcome = run();
    while (!done.includes('await successor')) await new Promise((resolve) => setImmediate(resolve));
    interrupt.abort(new SupervisorError('DAEMON_STOPPING', 'The daemon is stopping.'));
    expect(await outcome).toMatchObject({ connector: 'replaced' });
    expect(done).not.toContain('retire 1');
  });

  test('says what of the old one did not end, which is no failure', async () => {
    const { run } = bench({ connectors: { retire: broken } });
    expect(await run()).toEqual({ connector: 'replaced', warnings: [{ code: 'CONNECTOR_CRASHED', message: 'it ended with 1' }] });
  });
});

describe('what does not serve is taken back', () => {
  test.each([
    ['it does not start', { connectors: { start: broken } }, ['start']],
    ['it does not get ready', { connectors: { verify: broken } }, ['start', 'verify 2', 'retire 2']],
    ['it cannot be put in place', { place: broken }, ['start', 'verify 2', 'place', 'retire 2']],
    ['it does not get ready, and the old one was stopped', { connectors: { verify: broken }, ports: restart }, ['stop 1', 'start', 'verify 2', 'retire 2', 'promote']],
  ] satisfies readonly (readonly [string, Given, readonly string[]])[])('%s', async (_name, given, steps) => {
    const { done, run } = bench(given);
    await expect(run()).rejects.toMatchObject({ code: 'UPGRADE_REVERTED', message: expect.stringContaining('2026.9.0') as string, problems: [{ code: 'CONNECTOR_CRASHED', message: 'it ended with 1' }] });
    expect(done).toEqual(steps);
  });

  test('when its time is over', async () => {
    const { done, run, clock } = bench({ connectors: { verify: (_handle, _expected, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))) } });
    const outcome = run();
    outcome.catch(() => undefined);
    while (!done.includes('verify 2')) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(60_000);
    await expect(outcome).rejects.toMatchObject({ code: 'UPGRADE_REVERTED', problems: [{ code: 'CONNECTOR_NOT_READY' }] });
    expect(done.at(-1)).toBe('retire 2');
  });

  test('when the daemon stops meanwhile', async () => {
    const { done, run, interrupt } = bench({ connectors: { verify: (_handle, _expected, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))) } });
    const outcome = run();
    outcome.catch(() => undefined);
    while (!done.includes('verify 2')) await new Promise((resolve) => setImmediate(resolve));
    interrupt.abort(new SupervisorError('DAEMON_STOPPING', 'The daemon is stopping.'));
    await expect(outcome).rejects.toMatchObject({ code: 'DAEMON_STOPPING' });
    expect(done.at(-1)).toBe('retire 2');
  });

  test('and where that fails too, both are said', async () => {
    const retire = async (): Promise<never> => {
      throw new SupervisorError('CONNECTOR_STUCK', 'it hangs in the kernel');
    };
    const { run } = bench({ connectors: { verify: broken, retire } });
    await expect(run()).rejects.toMatchObject({ code: 'ROLLBACK_FAILED', message: expect.stringMatching(/it ended with 1.*it hangs in the kernel/) as string });
    const { run: hang, clock, done } = bench({ connectors: { verify: broken, retire: () => new Promise(() => undefined) } });
    const outcome = hang();
    outcome.catch(() => undefined);
    while (!done.includes('retire 2')) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(30_000);
    await expect(outcome).rejects.toMatchObject({ code: 'ROLLBACK_FAILED' });
  });
});
