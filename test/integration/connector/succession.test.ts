import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Load } from '../../../src/measure/load.js';
import { startOrigin } from '../../../src/measure/origin.js';
import type { Origin } from '../../../src/measure/origin.js';
import { Visitors } from '../../../src/measure/visitor.js';
import type { IngressRule } from '../../../src/forwarding/ports.js';
import { startVisitorFront } from '../../../src/sandbox/edge/visitor-front.js';
import type { VisitorFront } from '../../../src/sandbox/edge/ports.js';
import { signalPid } from '../../fixtures/signal-pid.js';
import { PROGRAMS, Rig } from './rig.js';

const HOST = 'app.example.com';
const SUPERVISE = fileURLToPath(new URL('../../fixtures/connector/supervise.mjs', import.meta.url));

/** One connector after another, and what visitors notice of it: nothing. */
describe.each(PROGRAMS)('succession ($name)', (kind) => {
  let rig: Rig;
  let front: VisitorFront;
  let origin: Origin;
  let visitors: Visitors;
  const never = new AbortController().signal;
  const programs: ChildProcess[] = [];

  beforeEach(async () => {
    rig = await Rig.open(kind);
    front = await startVisitorFront({ edge: rig.edge, lookUpHost: () => ({ kind: 'tunnel', tunnelId: rig.tunnelId }) });
    origin = await startOrigin('first');
    visitors = new Visitors(front.url);
    await rig.writeRevision(1, rules());
  });
  afterEach(async () => {
    for (const program of programs.splice(0)) program.kill('SIGKILL');
    visitors.close();
    await rig.close();
    await front.close();
    await origin.close();
  });

  const rules = (): readonly IngressRule[] => [{ hostname: HOST, service: origin.url }, { service: 'http_status:404' }];
  const load = (): Load => new Load(visitors, { hostname: HOST, perSecond: 100, origins: ['first'] });

  /** The supervisor as a program; resolves when its connector is ready, with the connector's pid. */
  const supervise = async (): Promise<{ readonly program: ChildProcess; readonly connector: number; readonly next: (type: string) => Promise<unknown> }> => {
    const program = spawn(process.execPath, [SUPERVISE, JSON.stringify({ baseDir: rig.paths.baseDir, binary: rig.binary, tunnelId: rig.tunnelId, options: rig.options })], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    programs.push(program);
    const lines: AsyncIterator<string> = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
    const next = async (type: string): Promise<{ pid: number }> => {
      for (;;) {
        const line = await lines.next();
        if (line.done === true) throw new Error(`the supervisor ended before ${type}`);
        const event = JSON.parse(line.value) as { type: string; data: { pid: number } };
        if (event.type === type) return event.data;
      }
    };
    return { program, connector: (await next('connector.ready')).pid, next };
  };

  test('changes under load lose nothing, and the old connector is retired in milliseconds', async () => {
    const supervisor = rig.supervisor();
    supervisor.promote(1);
    await rig.seen('connector.ready');
    const running = load();
    const retiredAfterMs: number[] = [];
    for (let revision = 2; revision <= 4; revision += 1) {
      // The first two follow at once, on connectors that are still young.
      if (revision === 4) await rig.edge.waitUntil((connections) => connections.filter((connection) => connection.state === 'serving').length === 4, AbortSignal.timeout(20_000));
      const expected = await rig.writeRevision(revision, rules());
      const old = supervisor.current();
      const next = await supervisor.start(revision);
      await supervisor.verify(next, expected, never);
      supervisor.promote(revision);
      const before = performance.now();
      for (const handle of old) await supervisor.retire(handle);
      retiredAfterMs.push(performance.now() - before);
    }
    await rig.until(() => (rig.count('connector.stopped') === 3 ? true : undefined));
    const report = await running.stop();
    expect(Object.fromEntries(report.reasons)).toEqual({});
    expect(report.requests).toBeGreaterThan(50);
    expect(Math.max(...retiredAfterMs)).toBeLessThan(1_000);
    process.stdout.write(`retired after ${retiredAfterMs.map((ms) => ms.toFixed(0)).join(', ')} ms (${kind.name})\n`);
    await supervisor.stopAll();
  });

  test('a successor that is killed before it is promoted is waited for: the old connector serves until it is back', async () => {
    const supervisor = rig.supervisor();
    supervisor.promote(1);
    const old = await rig.seen('connector.ready');
    const leaving = supervisor.current();
    const expected = await rig.writeRevision(2, rules());
    const next = await supervisor.start(2);
    await supervisor.verify(next, expected, never);
    signalPid(next.pid, 'SIGKILL');
    await rig.seen('connector.stopped', (status) => status.pid === next.pid);
    supervisor.promote(2);
    await supervisor.awaitSuccessor(leaving, never);
    for (const handle of leaving) await supervisor.retire(handle);
    await rig.seen('connector.stopped', (status) => status.pid === old.pid);
    const told = rig.events.map((event) => `${event.type} ${'pid' in event.data && event.data.pid === old.pid ? 'old' : 'next'}`);
    expect(told.indexOf('connector.draining old')).toBeGreaterThan(told.lastIndexOf('connector.ready next'));
    expect(told.filter((line) => line === 'connector.ready next')).toHaveLength(2);
    expect(await visitors.get(HOST)).toMatchObject({ status: 200 });
    await supervisor.stopAll();
  });

  test('a supervisor that was killed is succeeded without a gap', async () => {
    const first = await supervise();
    const running = load();
    first.program.kill('SIGKILL');
    await once(first.program, 'exit');
    const supervisor = rig.supervisor();
    const orphans = await supervisor.adoptOrphans();
    expect(orphans.map((orphan) => orphan.pid)).toEqual([first.connector]);
    expect(supervisor.current()).toEqual(orphans);
    await supervisor.takeOver(1);
    const ready = await rig.seen('connector.ready', (status) => status.pid !== first.connector);
    await rig.seen('connector.stopped', (status) => status.pid === first.connector);
    expect(rig.processes().map((entry) => entry.pid)).toEqual([ready.pid]);
    expect((await rig.seen('connector.adopted')).revision).toBe(1);
    const report = await running.stop();
    expect(Object.fromEntries(report.reasons)).toEqual({});
    await supervisor.stopAll();
    expect(rig.processes()).toEqual([]);
  });

  test('a handover leaves the connector running, and its supervisor can end', async () => {
    const first = await supervise();
    const ended = once(first.program, 'exit');
    first.program.kill('SIGUSR2');
    await first.next('handed-over');
    // Nothing keeps it: the event loop runs dry.
    expect(await ended).toEqual([0, null]);
    expect(rig.processes().map((entry) => entry.pid)).toEqual([first.connector]);
    expect(await visitors.get(HOST)).toMatchObject({ status: 200 });
    const supervisor = rig.supervisor();
    await supervisor.adoptOrphans();
    await supervisor.takeOver(undefined);
    expect(rig.processes()).toEqual([]);
  });

  test('where two do not fit, the orphan that runs the right rules stays', async () => {
    const first = await supervise();
    first.program.kill('SIGKILL');
    await once(first.program, 'exit');
    const supervisor = rig.supervisor({}, { overlap: false });
    await supervisor.adoptOrphans();
    await supervisor.takeOver(1);
    await rig.seen('connector.ready');
    expect(supervisor.current()).toMatchObject([{ pid: first.connector }]);
    // It is kept like any other: it dies, and is succeeded.
    process.kill(first.connector, 'SIGKILL');
    await rig.seen('connector.ready', (status) => status.pid !== first.connector);
    await supervisor.stopAll();
  });

  test('an orphan on other rules serves until the right ones do', async () => {
    const first = await supervise();
    first.program.kill('SIGKILL');
    await once(first.program, 'exit');
    await rig.writeRevision(2, rules());
    const supervisor = rig.supervisor();
    await supervisor.adoptOrphans();
    await supervisor.takeOver(2);
    const ready = await rig.seen('connector.ready', (status) => status.revision === 2);
    await rig.seen('connector.stopped', (status) => status.pid === first.connector);
    const order = rig.events.map((event) => event.type).filter((type) => type === 'connector.ready' || type === 'connector.draining' || type === 'connector.stopped');
    expect(order.indexOf('connector.ready')).toBeLessThan(order.indexOf('connector.draining'));
    expect(rig.processes().map((entry) => entry.pid)).toEqual([ready.pid]);
    await supervisor.stopAll();
  });

  test('a connector whose rules must not serve is gone at once', async () => {
    const supervisor = rig.supervisor();
    supervisor.promote(1);
    await rig.seen('connector.ready');
    const [handle] = supervisor.current();
    if (handle === undefined) throw new Error('none is kept');
    const before = performance.now();
    await supervisor.kill(handle);
    expect(performance.now() - before).toBeLessThan(500);
    expect(await rig.seen('connector.stopped')).toMatchObject({ signal: 'SIGKILL' });
    expect(supervisor.current()).toEqual([]);
  });

  test('a connector that somebody else told to stop, and that drains for long, is succeeded in seconds', async () => {
    // Answers when it is told to, and not before.
    const held: ServerResponse[] = [];
    const holding = createServer((_, response) => held.push(response)).listen(0, '127.0.0.1');
    await once(holding, 'listening');
    const address = holding.address();
    await rig.writeRevision(1, [{ hostname: HOST, path: '^/slow', service: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}` }, ...rules()]);
    const supervisor = rig.supervisor({ readyProbeMs: 500 });
    supervisor.promote(1);
    const { pid } = await rig.seen('connector.ready');
    const slow = visitors.get(HOST, '/slow', 30_000);
    await once(holding, 'request');
    signalPid(pid, 'SIGTERM');
    const successor = await rig.seen('connector.ready', (status) => status.pid !== pid);
    // The first is still there, with its request, and gets no second signal.
    expect(new Set(rig.processes().map((entry) => entry.pid))).toEqual(new Set([pid, successor.pid]));
    expect(await visitors.get(HOST)).toMatchObject({ status: 200 });
    for (const response of held) response.end('at last');
    expect(await slow).toMatchObject({ status: 200, body: 'at last' });
    expect(await rig.seen('connector.stopped')).toMatchObject({ pid, exitCode: 0, signal: null });
    holding.close();
  });

  test('a request in flight outlives the order to stop, and no second signal comes', async () => {
    const supervisor = rig.supervisor();
    supervisor.promote(1);
    const { pid } = await rig.seen('connector.ready');
    const slow = visitors.get(HOST, '/slow');
    await expect.poll(() => rig.edge.connections().some((connection) => connection.activeRequests > 0)).toBe(true);
    // Somebody else was first: the init system, or a person.
    signalPid(pid, 'SIGTERM');
    await supervisor.stopAll();
    expect(await slow).toMatchObject({ kind: 'answered', status: 200 });
    expect(await rig.seen('connector.stopped')).toMatchObject({ exitCode: 0, signal: null });
  });
});
