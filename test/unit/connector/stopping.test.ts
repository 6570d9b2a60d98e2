import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { failure } from '../../../src/connector/failures.js';
import type { Context, Effect, Machine, Message, StopHow } from '../../../src/connector/machine.js';
import { idOf, lifeOf, servesNot, visibleState } from '../../../src/connector/machine.js';
import { DEFAULT_POLICY as policy } from '../../../src/connector/policy.js';
import type { Counters, Probe } from '../../../src/connector/ports.js';
import { adoptMachine, dueAt, newMachine, startMachine, step } from '../../../src/connector/state-machine.js';

const READY: Probe = { kind: 'ready', connections: 1 };
const NOT_READY: Probe = { kind: 'not-ready' };
const SILENT: Probe = { kind: 'unreachable' };
const busy: Counters = { registerFailures: 0, inFlight: 3 };
const idle: Counters = { registerFailures: 0, inFlight: 0 };
const exit = { exitCode: 0, signal: null, lastLine: '' };

/** One connector and its clock; every message returns what it wants done. */
class Bench {
  machine: Machine;
  now = 0;
  wanted: readonly Effect['type'][] = [];

  constructor(kept = false) {
    const started = startMachine(newMachine(1, kept ? 'kept' : 'candidate'), this.context());
    this.machine = step(started.machine, { type: 'launched', id: 1, pid: 99 }, this.context()).machine;
  }

  context(): Context {
    return { now: this.now, random: () => 0.5, policy, nextId: idOf(this.machine?.phase ?? { name: 'stopped', id: 0 }) + 1 };
  }

  say(message: Message): this {
    const next = step(this.machine, message, this.context());
    this.machine = next.machine;
    this.wanted = next.effects.map((effect) => effect.type).filter((type) => type !== 'announce');
    return this;
  }

  /** Asks when it is due, and answers. */
  answer(probe: Probe, counters?: Counters): this {
    const life = lifeOf(this.machine.phase);
    if (life === undefined) throw new Error('there is nobody to answer');
    let asked: readonly Effect['type'][] = [];
    if (!life.probing) {
      this.now = Math.max(this.now, life.probeAt);
      asked = this.say({ type: 'tick' }).wanted.filter((type) => type !== 'probe');
    }
    this.say({ type: 'probed', id: life.id, ask: lifeOf(this.machine.phase)?.ask ?? 0, probe, counters });
    this.wanted = [...asked, ...this.wanted];
    return this;
  }

  wait(ms: number): this {
    this.now += ms;
    return this.say({ type: 'tick' });
  }

  stop(how: StopHow = 'drain'): this {
    return this.say({ type: 'stop', how });
  }

  get state(): string {
    return visibleState(this.machine.phase);
  }
}

describe('the stopping protocol', () => {
  test('asks before it signals', () => {
    expect(new Bench().answer(READY).stop().wanted).toEqual(['probe']);
  });

  test('ready: one SIGTERM, however young; unregistered when it says so; over when it ends', () => {
    const bench = new Bench().answer(READY).stop();
    expect(bench.answer(READY).wanted).toEqual(['terminate']);
    expect(servesNot(bench.machine.phase)).toBe(false);
    expect(bench.answer(READY).wanted).toEqual([]);
    bench.answer(NOT_READY);
    expect(servesNot(bench.machine.phase)).toBe(true);
    bench.say({ type: 'stop', how: 'drain' });
    expect(bench.wanted).toEqual([]);
    expect(bench.say({ type: 'exited', id: 1, exit }).state).toBe('stopped');
  });

  test('never ready: SIGKILL; but not where it has just become ready', () => {
    expect(new Bench().answer(NOT_READY).stop().answer(NOT_READY).wanted).toEqual(['kill']);
    expect(new Bench().stop().answer(SILENT).wanted).toEqual(['kill']);
    expect(new Bench().answer(NOT_READY).stop().answer(READY).wanted).toEqual(['terminate']);
  });

  test('was ready and is not: somebody else told it to stop, and it gets no second signal', () => {
    const bench = new Bench().answer(READY).stop().answer(NOT_READY, busy);
    expect(bench.wanted).toEqual([]);
    expect(servesNot(bench.machine.phase)).toBe(true);
    for (let time = 0; time < 20; time += 1) expect(bench.answer(NOT_READY, busy).wanted).toEqual([]);
    expect(bench.say({ type: 'exited', id: 1, exit }).state).toBe('stopped');
  });

  test('ready again: it had only lost the edge, and is told to stop now', () => {
    const bench = new Bench().answer(READY).stop().answer(NOT_READY, busy).answer(READY);
    expect(bench.wanted).toEqual(['terminate']);
    expect(servesNot(bench.machine.phase)).toBe(false);
  });

  test('idle and still there after a while: nobody told it, and killing it harms nobody', () => {
    const bench = new Bench().answer(READY).stop().answer(NOT_READY, idle);
    while (bench.wanted.length === 0 && bench.now < 60_000) bench.answer(NOT_READY, idle);
    expect(bench.wanted).toEqual(['kill']);
    expect(bench.now).toBeGreaterThanOrEqual(policy.idleUnregisteredMs);
    expect(bench.now).toBeLessThan(policy.stopTimeoutMs);
  });

  test('does not answer though it was ready: SIGTERM, and no proof that it serves no more', () => {
    const bench = new Bench().answer(READY).stop().answer(SILENT);
    expect(bench.wanted).toEqual(['terminate']);
    expect(servesNot(bench.answer(SILENT).machine.phase)).toBe(false);
  });

  test('still there at the stop timeout: SIGKILL, and again while it does not go', () => {
    const bench = new Bench().answer(READY).wait(10_000).answer(READY).stop().answer(READY).answer(NOT_READY);
    expect(bench.wait(policy.stopTimeoutMs - 100).wanted).toEqual([]);
    expect(bench.wait(200).wanted).toEqual(['kill']);
    expect(bench.wait(policy.killAgainMs).wanted).toEqual(['kill']);
  });

  test('told together with us: its word of being ready is taken only when it stays so for a moment', () => {
    const told = new Bench().answer(READY).stop('drain-with-us').answer(READY);
    expect(told.wanted).toEqual([]);
    expect(told.answer(NOT_READY, busy).answer(NOT_READY, busy).wanted).toEqual([]);
    const untold = new Bench().answer(READY).stop('drain-with-us').answer(READY);
    while (untold.wanted.length === 0 && untold.now < 10_000) untold.answer(READY);
    expect(untold.wanted).toEqual(['terminate']);
    expect(untold.now).toBeLessThan(500);
  });

  test('young: killed as soon as it is idle, or it would register again; not while a request is in flight', () => {
    const bench = new Bench().answer(READY).stop().answer(READY).answer(NOT_READY, busy);
    for (let time = 0; time < 10; time += 1) expect(bench.answer(NOT_READY, busy).wanted).toEqual([]);
    bench.answer(NOT_READY, idle);
    while (bench.wanted.length === 0 && bench.now < 10_000) bench.answer(NOT_READY, idle);
    expect(bench.wanted).toEqual(['kill']);
    expect(bench.now).toBeLessThan(2_000);
  });

  test('kill: at once, also in the middle of draining', () => {
    expect(new Bench().answer(READY).stop('kill').wanted).toEqual(['kill']);
    const bench = new Bench().answer(READY).stop().answer(READY);
    expect(bench.stop('kill').wanted).toEqual(['kill']);
    expect(bench.stop('kill').wanted).toEqual([]);
  });

  test('an answer to an earlier question decides nothing', () => {
    const bench = new Bench().answer(READY);
    bench.now += policy.readyProbeMs;
    bench.say({ type: 'tick' });
    const before = lifeOf(bench.machine.phase)?.ask ?? 0;
    bench.stop();
    expect(bench.say({ type: 'probed', id: 1, ask: before, probe: READY, counters: undefined }).wanted).toEqual([]);
    expect(bench.answer(NOT_READY, busy).wanted).toEqual([]);
  });

  test('told to stop while it is being started: stopped as soon as there is a process', () => {
    const launching = startMachine(newMachine(1, 'candidate'), { now: 0, random: () => 0, policy, nextId: 1 });
    const context: Context = { now: 0, random: () => 0, policy, nextId: 2 };
    const told = step(launching.machine, { type: 'stop', how: 'drain' }, context);
    expect(told.effects).toEqual([]);
    const launched = step(told.machine, { type: 'launched', id: 1, pid: 5 }, context);
    expect(launched.effects.map((effect) => effect.type)).toContain('probe');
    expect(visibleState(launched.machine.phase)).toBe('draining');
    expect(visibleState(step(told.machine, { type: 'launch-failed', id: 1, failure: failure('PROCESS_LIMIT') }, context).machine.phase)).toBe('stopped');
  });

  test('an orphan may have served: it is never killed before it was asked', () => {
    const context: Context = { now: 0, random: () => 0, policy, nextId: 4 };
    const told = step(adoptMachine(1, 77, 60_000, context), { type: 'stop', how: 'drain' }, context);
    expect(told.effects.map((effect) => effect.type)).toEqual(['probe', 'announce']);
  });

  test('never more than one SIGTERM, whatever happens and in whatever order', () => {
    const message = fc.oneof(
      fc.record({ type: fc.constant('probed' as const), id: fc.constant(1), ask: fc.nat({ max: 8 }), probe: fc.constantFrom(READY, NOT_READY, SILENT), counters: fc.constantFrom(undefined, busy, idle) }),
      fc.constantFrom<Message>({ type: 'tick' }, { type: 'stop', how: 'drain' }, { type: 'stop', how: 'kill' }, { type: 'keep' }, { type: 'release' }, { type: 'nudged', id: 1 }, { type: 'replacement-failed' },
        { type: 'life-diagnosed', id: 1, failure: failure('TUNNEL_DELETED'), network: 'up' }, { type: 'life-diagnosed', id: 1, failure: failure('CONNECTOR_LOST'), network: 'up' }, { type: 'recycle', failure: failure('CONNECTOR_LOST') }),
    );
    fc.assert(fc.property(fc.boolean(), fc.array(fc.tuple(fc.nat({ max: 40_000 }), message), { maxLength: 60 }), (kept, messages) => {
      const bench = new Bench(kept);
      let terminations = 0;
      for (const [pause, each] of messages) {
        bench.now += pause;
        bench.say(each);
        terminations += bench.wanted.filter((type) => type === 'terminate').length;
        const due = dueAt(bench.machine);
        expect(due === undefined || !Number.isNaN(due)).toBe(true);
      }
      expect(terminations).toBeLessThanOrEqual(1);
    }), { numRuns: 500 });
  });
});

describe('having no connection', () => {
  test('one unanswered question is a busy machine, three are a loss; one "no" is enough', () => {
    const bench = new Bench(true).answer(READY);
    expect(bench.answer(SILENT).answer(SILENT).state).toBe('ready');
    expect(bench.answer(SILENT).state).toBe('lost');
    expect(new Bench(true).answer(READY).answer(NOT_READY).state).toBe('lost');
    expect(new Bench(true).answer(READY).answer(SILENT).answer(READY).answer(SILENT).answer(SILENT).state).toBe('ready');
  });

  test('is examined after seconds, and at once where the edge refused', () => {
    const bench = new Bench(true);
    while (!bench.wanted.includes('diagnose-life') && bench.now < 60_000) bench.answer(NOT_READY, idle);
    expect(bench.now).toBeGreaterThanOrEqual(policy.firstDiagnosisMs);
    const refused = new Bench(true).answer(NOT_READY, { registerFailures: 1, inFlight: 0 });
    expect(refused.say({ type: 'tick' }).wanted).toContain('diagnose-life');
  });

  test('a log that moves is a reason to ask at once', () => {
    const bench = new Bench(true).answer(READY);
    expect((dueAt(bench.machine) ?? 0) - bench.now).toBeGreaterThan(0);
    bench.say({ type: 'nudged', id: 1 });
    expect(dueAt(bench.machine)).toBe(bench.now);
  });
});
