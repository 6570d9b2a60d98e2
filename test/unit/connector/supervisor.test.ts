import { describe, expect, test } from 'vitest';
import { SupervisorError } from '../../../src/core/errors.js';
import type { EventData, EventType } from '../../../src/core/events.js';
import type { ConnectorProcess, FactFinder, Launcher, Probe, ProcessExit, Prober } from '../../../src/connector/ports.js';
import { ConnectorSupervisor } from '../../../src/connector/supervisor.js';
import type { Connectors } from '../../../src/forwarding/ports.js';
import { createTestClock } from '../cloudflare/test-clock.js';

/** A process that does what a test says. */
class FakeProcess implements ConnectorProcess {
  readonly metricsPort: number;
  readonly startedAt = Date.UTC(2026, 0, 1);
  readonly ended: Promise<ProcessExit>;
  readonly signals: string[] = [];
  probe: Probe = { kind: 'unreachable' };
  letGoOf = false;
  end!: (exit: Partial<ProcessExit>) => void;
  readonly pid: number;
  readonly revision: number;

  constructor(pid: number, revision: number) {
    this.pid = pid;
    this.revision = revision;
    this.metricsPort = 10_000 + pid;
    this.ended = new Promise((resolve) => {
      this.end = (exit) => resolve({ exitCode: null, signal: null, lastLine: '', ...exit });
    });
  }

  terminate(): void {
    this.signals.push('SIGTERM');
    this.probe = { kind: 'not-ready' };
  }

  kill(): void {
    this.signals.push('SIGKILL');
    this.end({ signal: 'SIGKILL' });
  }

  letGo(): void {
    this.letGoOf = true;
  }
}

function bench(change: { readonly orphans?: readonly FakeProcess[]; readonly overlap?: boolean; readonly readRules?: Prober['readRules'] } = {}): {
  supervisor: Connectors & ConnectorSupervisor; processes: FakeProcess[]; events: { type: EventType; data: EventData[EventType] }[];
  programs: (string | undefined)[]; refuse: (error: SupervisorError | undefined) => void; turn: (ms: number) => Promise<void>; settle: () => Promise<void>; clock: ReturnType<typeof createTestClock>; facts: Partial<FactFinder>;
} {
  const clock = createTestClock();
  const processes: FakeProcess[] = [];
  const programs: (string | undefined)[] = [];
  const events: { type: EventType; data: EventData[EventType] }[] = [];
  let refusal: SupervisorError | undefined;
  const launcher: Launcher = {
    launch: async (revision, program) => {
      if (refusal !== undefined) throw refusal;
      programs.push(program?.path);
      const process = new FakeProcess(100 + processes.length, revision);
      processes.push(process);
      return process;
    },
    findOrphans: async () => change.orphans ?? [],
  };
  const of = (port: number): FakeProcess | undefined => [...processes, ...(change.orphans ?? [])].find((process) => process.metricsPort === port);
  const prober: Prober = {
    probe: async (port) => of(port)?.probe ?? { kind: 'unreachable' },
    readConnectorId: async (port) => `connector-${port}`,
    readCounters: async () => ({ registerFailures: 0, inFlight: 0 }),
    readRules: change.readRules ?? (async () => [{ service: 'http_status:404' }]),
  };
  const given: Partial<FactFinder> = {};
  const facts: FactFinder = {
    preflight: async () => undefined, checkBinary: async () => undefined, refusedConfig: async () => undefined, portTaken: async () => false,
    network: async () => 'up', resolver: async () => 'answers', edgeIsNamed: () => true, tunnel: async () => 'usable', memoryKills: async () => 0, fingerprint: async () => 'same',
  };
  const supervisor = new ConnectorSupervisor({
    launcher, prober, clock, random: () => 0.5,
    facts: new Proxy(facts, { get: (target, name: keyof FactFinder) => given[name] ?? target[name] }),
    emit: (type, data) => events.push({ type, data }),
  }, change.overlap === undefined ? {} : { overlap: change.overlap });
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 20; round += 1) await Promise.resolve();
  };
  return {
    supervisor, processes, programs, events, clock, settle, facts: given,
    refuse: (error) => {
      refusal = error;
    },
    turn: async (ms) => {
      await settle();
      for (let passed = 0; passed < ms; passed += 50) {
        clock.advance(Math.min(50, ms - passed));
        await settle();
      }
    },
  };
}

/** A promise, and whether it is over. */
function settlement(promise: Promise<void>): { readonly promise: Promise<void>; readonly isSettled: () => boolean } {
  let settled = false;
  return { promise: promise.finally(() => (settled = true)), isSettled: () => settled };
}

const READY: Probe = { kind: 'ready', connections: 4 };
const never = new AbortController().signal;
const last = [{ service: 'http_status:404' }];

describe('the supervisor', () => {
  test('starts, verifies, promotes; promoting again changes nothing', async () => {
    const { supervisor, processes, turn, events } = bench();
    const handle = await supervisor.start(1);
    expect(handle).toEqual({ id: 1, revision: 1, pid: 100 });
    const verified = supervisor.verify(handle, last, never);
    const [process] = processes;
    if (process !== undefined) process.probe = READY;
    await turn(100);
    await verified;
    supervisor.promote(1);
    supervisor.promote(1);
    expect(processes).toHaveLength(1);
    expect(supervisor.status()).toEqual([{ id: 1, pid: 100, state: 'ready', revision: 1, metricsUrl: 'http://127.0.0.1:10100', startedAt: '2026-01-01T00:00:00.000Z', connections: 4 }]);
    expect(events.map((event) => event.type)).toEqual(['connector.started', 'connector.ready']);
    expect(await supervisor.connectorIds()).toEqual(['connector-10100']);
  });

  test('promote starts one where none runs on the revision, and releases the kept one', async () => {
    const { supervisor, processes, settle } = bench();
    supervisor.promote(1);
    supervisor.promote(2);
    await settle();
    expect(processes.map((process) => process.revision)).toEqual([1, 2]);
    // The first is not restarted any more, nor spoken of.
    processes[0]?.end({ exitCode: 1 });
    await settle();
    expect(supervisor.current().map((handle) => handle.revision)).toEqual([2]);
    expect(supervisor.status().map(({ revision }) => revision)).toEqual([2]);
  });

  test('of two on one revision the preferred one is kept, and the other is not restarted any more', async () => {
    const { supervisor, processes, settle, turn } = bench();
    supervisor.promote(1);
    await settle();
    const handle = await supervisor.start(1);
    for (const process of processes) process.probe = READY;
    await turn(100);
    supervisor.promote(1);
    supervisor.prefer(handle);
    supervisor.prefer(handle);
    processes[0]?.end({ exitCode: 1 });
    await turn(2_000);
    expect(processes).toHaveLength(2);
    expect(supervisor.current()).toEqual([handle]);
    processes[1]?.end({ exitCode: 1 });
    await turn(2_000);
    expect(processes).toHaveLength(3);
  });

  test('a program that is tried is that of one connector alone, until it is kept', async () => {
    const { supervisor, processes, programs, settle, turn } = bench();
    supervisor.promote(1);
    await settle();
    for (const process of processes) process.probe = READY;
    await turn(5_000);
    const handle = await supervisor.start(1, { path: '/staged/cloudflared', version: '2026.9.0' });
    // Both end; only the one that tries it is started with it again.
    for (const process of processes) process.end({ exitCode: 1 });
    await settle();
    expect(programs).toEqual([undefined, '/staged/cloudflared', undefined, '/staged/cloudflared']);
    supervisor.prefer(handle);
    for (const process of processes) process.probe = READY;
    await turn(60_000);
    processes[3]?.end({ exitCode: 1 });
    await settle();
    expect(programs.slice(4)).toEqual([undefined]);
  });

  test('a start that is refused gives the reason, and leaves nothing', async () => {
    const { supervisor, refuse } = bench();
    refuse(new SupervisorError('DISK_FULL', 'no room for a log'));
    await expect(supervisor.start(1)).rejects.toMatchObject({ code: 'DISK_FULL', message: 'no room for a log' });
    expect(supervisor.current()).toEqual([]);
    expect(supervisor.status()).toEqual([]);
  });

  test('a kept one whose start is refused waits, is shown to wait, and is started when it is its time', async () => {
    const { supervisor, refuse, turn, processes, events } = bench();
    refuse(new SupervisorError('PROCESS_LIMIT', 'EAGAIN'));
    supervisor.promote(1);
    await turn(100);
    expect(supervisor.status()).toMatchObject([{ state: 'waiting', pid: null, metricsUrl: null }]);
    expect(supervisor.current()).toMatchObject([{ pid: 0, revision: 1 }]);
    expect(supervisor.attention()).toMatchObject([{ code: 'PROCESS_LIMIT', message: 'EAGAIN', hint: expect.stringContaining('ulimit') as unknown }]);
    const told = events.filter((event) => event.type === 'connector.failed').map((event) => event.data as EventData['connector.failed']);
    expect(told[0]?.retryAt).toBeNull();
    expect(Date.parse(told[1]?.retryAt ?? '')).toBeGreaterThan(Date.UTC(2026, 0, 1));
    refuse(undefined);
    await turn(5_000);
    expect(processes).toHaveLength(1);
  });

  test('verify gives up at its time with what is known by then, or when its caller does', async () => {
    const { supervisor, turn, facts, processes } = bench();
    facts.network = async () => 'down';
    const handle = await supervisor.start(1);
    const verified = supervisor.verify(handle, last, never).catch((error: unknown) => error);
    await turn(61_000);
    expect(await verified).toMatchObject({ code: 'EDGE_UNREACHABLE' });
    const leaving = new AbortController();
    const other = supervisor.verify(handle, last, leaving.signal).catch((error: unknown) => error);
    leaving.abort(new Error('no longer wanted'));
    expect(await other).toMatchObject({ message: 'no longer wanted' });
    const retired = supervisor.retire(handle);
    await turn(100);
    await retired;
    expect(processes[0]?.signals).toEqual(['SIGKILL']);
  });

  test('one that ends before it is ready fails its verification with the reason', async () => {
    const { supervisor, settle, processes, facts } = bench();
    facts.refusedConfig = async () => 'no catch-all';
    const handle = await supervisor.start(1);
    const verified = supervisor.verify(handle, last, never).catch((error: unknown) => error);
    processes[0]?.end({ exitCode: 1 });
    await settle();
    expect(await verified).toMatchObject({ code: 'CONFIG_REFUSED', message: expect.stringContaining('no catch-all') as unknown });
    await expect(supervisor.verify(handle, last, never)).rejects.toMatchObject({ code: 'CONFIG_REFUSED' });
    expect(supervisor.current()).toEqual([]);
    expect(supervisor.status()).toMatchObject([{ state: 'stopped' }]);
    await supervisor.retire(handle);
    expect(supervisor.status()).toEqual([]);
  });

  test('a candidate that ends by chance is started once more, and is given up when it ends again', async () => {
    const { supervisor, settle, processes } = bench();
    const handle = await supervisor.start(1);
    const verified = supervisor.verify(handle, last, never).then(() => 'verified', (error: unknown) => error);
    processes[0]?.end({ exitCode: 1 });
    await settle();
    expect(processes).toHaveLength(2);
    expect(supervisor.current()).toMatchObject([{ id: handle.id, pid: processes[1]?.pid }]);
    processes[1]?.end({ exitCode: 1 });
    await settle();
    expect(await verified).toMatchObject({ code: 'CONNECTOR_CRASHED' });
    expect(processes).toHaveLength(2);
    expect(supervisor.current()).toEqual([]);
  });

  test('a candidate that ends for want of memory is not started again beside the one that serves', async () => {
    const { supervisor, settle, processes, facts } = bench();
    let kills = 0;
    facts.memoryKills = async () => kills;
    const handle = await supervisor.start(1);
    const verified = supervisor.verify(handle, last, never).catch((error: unknown) => error);
    kills = 1;
    processes[0]?.end({ signal: 'SIGKILL' });
    await settle();
    expect(processes).toHaveLength(1);
    expect(await verified).toMatchObject({ code: 'MEMORY_EXHAUSTED' });
  });

  test.each(['DISK_FULL', 'PROCESS_LIMIT', 'DESCRIPTORS_EXHAUSTED', 'STORAGE_READONLY'] as const)('nor one whose start is refused: %s', async (code) => {
    const { supervisor, refuse, events, settle } = bench();
    refuse(new SupervisorError(code, 'as before'));
    await expect(supervisor.start(1)).rejects.toMatchObject({ code });
    await settle();
    expect(events.filter(({ type }) => type === 'connector.failed')).toHaveLength(1);
  });

  test('a candidate that ends when it has been ready is started once more too: it is not proven yet, or not promoted', async () => {
    const { supervisor, settle, processes, turn } = bench();
    const handle = await supervisor.start(1);
    for (const count of [1, 2]) {
      const verified = supervisor.verify(handle, last, never);
      const process = processes[count - 1];
      if (process !== undefined) process.probe = READY;
      await turn(60_000);
      await verified;
      process?.end({ exitCode: 1 });
      await settle();
    }
    await turn(5_000);
    expect(processes).toHaveLength(2);
    expect(supervisor.current()).toEqual([]);
  });

  test('a candidate that ends between its readiness and its rules is proven when it is back', async () => {
    const asked: number[] = [];
    const { supervisor, processes, turn } = bench({
      readRules: async (port) => {
        asked.push(port);
        if (asked.length > 1) return last;
        processes[0]?.end({ signal: 'SIGKILL' });
        throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
      },
    });
    const handle = await supervisor.start(1);
    const verified = supervisor.verify(handle, last, never);
    if (processes[0] !== undefined) processes[0].probe = READY;
    await turn(100);
    expect(processes).toHaveLength(2);
    if (processes[1] !== undefined) processes[1].probe = READY;
    await turn(1_000);
    await verified;
    expect(asked).toEqual([10_100, 10_101]);
  });

  test('one that ends there again fails its verification with the reason, in our words', async () => {
    const { supervisor, processes, turn } = bench({
      readRules: async (port) => {
        processes.find((process) => process.metricsPort === port)?.end({ exitCode: 1 });
        throw new SyntaxError('Unexpected end of JSON input');
      },
    });
    const handle = await supervisor.start(1);
    const verified = supervisor.verify(handle, last, never).catch((error: unknown) => error);
    for (const count of [1, 2]) {
      const process = processes[count - 1];
      if (process !== undefined) process.probe = READY;
      await turn(1_000);
    }
    expect(await verified).toMatchObject({ code: 'CONNECTOR_CRASHED' });
  });

  test('one that is ready and does not show its rules is asked again, not at once, and given up at its time', async () => {
    let asked = 0;
    const { supervisor, processes, turn } = bench({
      readRules: async () => {
        asked += 1;
        throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      },
    });
    const handle = await supervisor.start(1);
    const verified = supervisor.verify(handle, last, never).catch((error: unknown) => error);
    if (processes[0] !== undefined) processes[0].probe = READY;
    await turn(61_000);
    expect(await verified).toMatchObject({ code: 'CONNECTOR_NOT_READY', message: expect.stringContaining('read ECONNRESET') as unknown });
    expect(asked).toBeGreaterThan(10);
    expect(asked).toBeLessThan(1_000);
  });

  test('one whose rules hang is left when its caller leaves', async () => {
    const { supervisor, processes, turn } = bench({ readRules: async () => await new Promise(() => undefined) });
    const handle = await supervisor.start(1);
    const leaving = new AbortController();
    const verified = supervisor.verify(handle, last, leaving.signal).catch((error: unknown) => error);
    if (processes[0] !== undefined) processes[0].probe = READY;
    await turn(100);
    leaving.abort(new Error('no longer wanted'));
    expect(await verified).toMatchObject({ message: 'no longer wanted' });
  });

  test('a successor that ended before it was promoted is waited for before the old one goes', async () => {
    const { supervisor, processes, turn, settle } = bench();
    supervisor.promote(1);
    await settle();
    const old = supervisor.current();
    await supervisor.start(2);
    for (const process of processes) process.probe = READY;
    await turn(100);
    processes[1]?.end({ signal: 'SIGKILL' });
    await settle();
    supervisor.promote(2);
    await settle();
    const successor = settlement(supervisor.awaitSuccessor(old, never));
    await turn(500);
    expect(successor.isSettled()).toBe(false);
    if (processes[2] !== undefined) processes[2].probe = READY;
    await turn(100);
    await successor.promise;
    expect(supervisor.status()).toMatchObject([{ revision: 1, state: 'ready' }, { revision: 2, state: 'ready' }]);
  });

  test('nobody waits for a successor that is ready, or where none of the old ones serves, or for longer than they want', async () => {
    const { supervisor, processes, turn, settle } = bench();
    supervisor.promote(1);
    await settle();
    const old = supervisor.current();
    supervisor.promote(2);
    await settle();
    // The first never got ready.
    await supervisor.awaitSuccessor(old, never);
    if (processes[0] !== undefined) processes[0].probe = READY;
    await turn(100);
    const tired = new AbortController();
    const waited = supervisor.awaitSuccessor(old, tired.signal).catch((error: unknown) => error);
    tired.abort(new Error('long enough'));
    expect(await waited).toMatchObject({ message: 'long enough' });
    if (processes[1] !== undefined) processes[1].probe = READY;
    await turn(100);
    await supervisor.awaitSuccessor(old, never);
  });

  test('an orphan that was not asked yet may serve: its successor is waited for', async () => {
    const orphan = new FakeProcess(7, 1);
    const { supervisor, processes, turn } = bench({ orphans: [orphan] });
    const orphans = await supervisor.adoptOrphans();
    await supervisor.takeOver(2);
    const successor = settlement(supervisor.awaitSuccessor(orphans, never));
    orphan.probe = READY;
    await turn(200);
    expect(successor.isSettled()).toBe(false);
    if (processes[0] !== undefined) processes[0].probe = READY;
    await turn(200);
    await successor.promise;
  });

  test('a kept one that waits or failed is spoken of, until another is kept', async () => {
    const { supervisor, processes, settle, facts } = bench();
    facts.preflight = async () => new SupervisorError('CREDENTIALS_MISSING', 'there is no such file');
    supervisor.promote(1);
    await settle();
    processes[0]?.end({ exitCode: 1 });
    await settle();
    expect(supervisor.status()).toMatchObject([{ state: 'failed', revision: 1 }]);
    supervisor.promote(2);
    await settle();
    expect(supervisor.status()).toMatchObject([{ state: 'starting', revision: 2 }]);
  });

  test('orphans serve on until the kept one is ready, and are among the current ones', async () => {
    const orphan = new FakeProcess(7, 1);
    orphan.probe = READY;
    const { supervisor, processes, turn, events, clock } = bench({ orphans: [orphan] });
    clock.advance(60_000);
    expect(await supervisor.adoptOrphans()).toEqual([{ id: 1, revision: 1, pid: 7 }]);
    // Found once.
    expect(await supervisor.adoptOrphans()).toEqual([]);
    await supervisor.takeOver(2);
    await turn(200);
    expect(supervisor.current().map((handle) => handle.revision)).toEqual([1, 2]);
    expect(orphan.signals).toEqual([]);
    if (processes[0] !== undefined) processes[0].probe = READY;
    await turn(200);
    expect(orphan.signals).toEqual(['SIGTERM']);
    orphan.end({});
    await turn(50);
    expect(supervisor.current().map((handle) => handle.revision)).toEqual([2]);
    expect(events.map((event) => event.type)).toContain('connector.adopted');
  });

  test('a handover signals nobody, lets all go, and is the last that is heard', async () => {
    const { supervisor, processes, turn, events } = bench();
    supervisor.promote(1);
    await turn(50);
    supervisor.handover();
    const heard = events.length;
    processes[0]?.end({ exitCode: 1 });
    await turn(10_000);
    expect(processes).toHaveLength(1);
    expect(processes[0]).toMatchObject({ letGoOf: true, signals: [] });
    expect(events).toHaveLength(heard);
  });

  test('a retired one is stopped together with the one that took its place', async () => {
    const { supervisor, processes, turn, facts } = bench();
    supervisor.promote(1);
    await turn(10);
    if (processes[0] !== undefined) processes[0].probe = READY;
    await turn(1_000);
    const [before] = supervisor.current();
    if (before === undefined || processes[0] === undefined) throw new Error('none is kept');
    facts.network = async () => 'up';
    processes[0].probe = { kind: 'not-ready' };
    await turn(140_000);
    if (processes[1] === undefined) throw new Error('nobody was put beside it');
    processes[1].probe = READY;
    await turn(1_000);
    expect(supervisor.current().map((handle) => handle.pid)).toEqual([101]);
    const retired = supervisor.retire(before);
    await turn(100);
    await retired;
    expect(processes[1].signals).toEqual(['SIGTERM']);
  });

  test('stopping ends all of them, and nothing is started any more', async () => {
    const { supervisor, processes, turn } = bench();
    supervisor.promote(1);
    await turn(10);
    const stopped = supervisor.stopAll();
    await turn(100);
    await stopped;
    expect(processes[0]?.signals).toEqual(['SIGKILL']);
    await expect(supervisor.start(2)).rejects.toMatchObject({ code: 'DAEMON_STOPPING' });
    supervisor.promote(2);
    await turn(1_000);
    expect(processes).toHaveLength(1);
  });
});
