import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import { SupervisorError } from '../../../src/core/errors.js';
import type { Executors } from '../../../src/transaction/executors.js';
import type { RunOptions } from '../../../src/transaction/forward.js';
import type { JournalEntry, JournalHeader, JournalRecord, JournalStore, Outlives } from '../../../src/transaction/ports.js';
import { recoverChange } from '../../../src/transaction/recover.js';
import { runChange } from '../../../src/transaction/run.js';
import { createTestClock } from '../cloudflare/test-clock.js';

type Kind = 'put' | 'volatile' | 'remote';
type Step = { [K in Kind]: { readonly kind: K; readonly name: string } }[Kind];

/** Puts names into a list; `faults` by "run name" or "undo name". */
class Bench {
  readonly done: string[] = [];
  readonly calls: string[] = [];
  readonly faults = new Map<string, () => Promise<void>>();
  readonly journals = new Map<string, { header: JournalHeader; entries: JournalEntry[] }>();
  readonly appends: Outlives[] = [];

  readonly store: JournalStore = {
    open: async (header) => {
      this.journals.set(header.change, { header, entries: [] });
      return this.#journal(header.change);
    },
    unfinished: async () => [...this.journals.values()],
    reopen: async (change) => this.#journal(change),
  };

  readonly owed: string[] = [];
  /** Names that nobody wants taken back. */
  readonly wanted = new Set<string>();

  readonly executors: Executors<Step> = {
    put: this.#executor(),
    volatile: { ...this.#executor(), volatile: true },
    remote: {
      ...this.#executor(),
      owing: {
        isAway: ({ code }) => code === 'CLOUDFLARE_UNREACHABLE',
        note: async ({ name }) => {
          if (this.wanted.has(name)) return undefined;
          this.owed.push(name);
          return `the thing ${name}`;
        },
      },
    },
  };

  options(more: Partial<RunOptions<Step>> = {}): RunOptions<Step> {
    return { executors: this.executors, clock: stoppedClock, undoTimeoutMs: 1000, ...more };
  }

  record(): JournalRecord<Step> {
    const [one] = this.journals.values();
    if (one === undefined) throw new Error('there is no journal');
    return { header: one.header as JournalHeader<Step>, entries: one.entries };
  }

  #journal(change: string) {
    return {
      append: async (entries: readonly JournalEntry[], outlives: Outlives) => {
        this.appends.push(outlives);
        await this.faults.get('append')?.();
        this.journals.get(change)?.entries.push(...entries);
      },
      close: async () => {
        await this.faults.get('close')?.();
        this.journals.delete(change);
      },
      release: async () => void this.calls.push('release'),
    };
  }

  #executor() {
    return {
      run: async ({ name }: Step, signal: AbortSignal) => {
        this.calls.push(`run ${name}`);
        await this.faults.get(`run ${name}`)?.();
        if (signal.aborted) throw signal.reason;
        this.done.push(name);
        return { name };
      },
      undo: async ({ name }: Step) => {
        this.calls.push(`undo ${name}`);
        await this.faults.get(`undo ${name}`)?.();
        const at = this.done.indexOf(name);
        if (at !== -1) this.done.splice(at, 1);
      },
    };
  }
}

const stoppedClock: Clock = { now: () => 0, monotonic: () => 0, sleep: (_, signal) => new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })) };
const put = (name: string): Step => ({ kind: 'put', name });
const header = (steps: readonly Step[], more: Partial<JournalHeader<Step>> = {}): JournalHeader<Step> => ({ change: 'c1', kind: 'forwarding', startedAt: '', steps, context: {}, ...more });
const ABC = [put('a'), put('b'), put('c')];
const fail = (code: 'DNS_FAILED' | 'DISK_FULL' | 'CLOUDFLARE_UNREACHABLE', message: string) => async (): Promise<never> => {
  throw new SupervisorError(code, message);
};

describe('running', () => {
  test('all steps, in order, each journalled, results too', async () => {
    const bench = new Bench();
    const boundaries: string[] = [];
    let seen: readonly JournalEntry[] = [];
    const result = await runChange(header(ABC), bench.store, bench.options({
      gate: async ({ name, step, of, phase }) => {
        boundaries.push(`${phase} ${name} ${step}/${of}`);
        seen = structuredClone(bench.record().entries);
      },
    }));
    expect(result).toEqual({ outcome: 'done', results: [{ name: 'a' }, { name: 'b' }, { name: 'c' }], failures: [] });
    expect(bench.done).toEqual(['a', 'b', 'c']);
    expect(boundaries).toEqual(['before put 0/3', 'after put 0/3', 'before put 1/3', 'after put 1/3', 'before put 2/3', 'after put 2/3']);
    expect(seen).toEqual([{ step: 0, phase: 'begun' }, { step: 0, phase: 'done', result: { name: 'a' } }, { step: 1, phase: 'begun' }, { step: 1, phase: 'done', result: { name: 'b' } }, { step: 2, phase: 'begun' }]);
    expect(bench.appends, 'one for each step').toHaveLength(3);
    expect(bench.journals.size).toBe(0);
  });

  test('the disk is waited for where the step is of the disk or of the world, and not where it is of processes', async () => {
    const bench = new Bench();
    await runChange(header([put('a'), { kind: 'volatile', name: 'b' }, put('c')]), bench.store, bench.options());
    expect(bench.appends).toEqual(['machine', 'process', 'machine']);
  });

  test('a failure undoes newest first, the failed step too', async () => {
    const bench = new Bench();
    bench.faults.set('run b', fail('DNS_FAILED', 'no'));
    const result = await runChange(header(ABC), bench.store, bench.options());
    expect(result).toMatchObject({ outcome: 'undone', error: { code: 'DNS_FAILED' }, undoFailures: [] });
    expect(bench.calls).toEqual(['run a', 'run b', 'undo b', 'undo a']);
    expect(bench.done).toEqual([]);
    expect(bench.journals.size).toBe(0);
  });

  test('a failed undo does not keep the others from being undone, is reported, and leaves the journal', async () => {
    const bench = new Bench();
    bench.faults.set('run c', fail('DNS_FAILED', 'no'));
    bench.faults.set('undo b', fail('DISK_FULL', 'full'));
    const result = await runChange(header(ABC), bench.store, bench.options());
    expect(result).toMatchObject({ outcome: 'undone', error: { code: 'DNS_FAILED' }, undoFailures: [{ code: 'DISK_FULL' }] });
    expect(bench.done).toEqual(['b']);
    expect(bench.calls.at(-1)).toBe('release');
    expect(bench.record().entries.at(-1)).toEqual({ step: 0, phase: 'undone' });

    bench.faults.clear();
    const again = await recoverChange(bench.record(), bench.store, { ...bench.options(), waitToRetry: async () => false });
    expect(again).toMatchObject({ outcome: 'undone', undoFailures: [] });
    expect(bench.done).toEqual([]);
    expect(bench.journals.size).toBe(0);
  });

  test('an undo that hangs is given up at its deadline', async () => {
    const bench = new Bench();
    bench.faults.set('run b', fail('DNS_FAILED', 'no'));
    let expire = (): void => {};
    const expired = new Promise<void>((resolve) => {
      expire = resolve;
    });
    bench.faults.set('undo b', () => {
      expire();
      return new Promise(() => {});
    });
    let sleeps = 0;
    const clock: Clock = { ...stoppedClock, sleep: (ms, signal) => ((sleeps += 1) === 1 ? expired : stoppedClock.sleep(ms, signal)) };
    const result = await runChange(header(ABC), bench.store, bench.options({ clock, undoTimeoutMs: 30_000 }));
    expect(result).toMatchObject({ outcome: 'undone', undoFailures: [{ code: 'ROLLBACK_FAILED', message: 'Undoing put took longer than 30 s' }] });
    expect(bench.calls).toContain('undo a');
  });

  describe('an undo that needs somebody who is away', () => {
    const remote = (name: string): Step => ({ kind: 'remote', name });
    const STEPS = [put('a'), remote('b'), remote('c'), remote('d'), put('e')];
    const bench = (): Bench => {
      const made = new Bench();
      made.faults.set('run e', fail('DNS_FAILED', 'no'));
      return made;
    };

    test('is tried once; the others of its kind are owed, and the rest is undone', async () => {
      const tried = bench();
      tried.faults.set('undo d', fail('CLOUDFLARE_UNREACHABLE', 'away'));
      const result = await runChange(header(STEPS), tried.store, tried.options());
      expect(tried.calls.filter((call) => call.startsWith('undo'))).toEqual(['undo e', 'undo d', 'undo a']);
      expect(tried.owed).toEqual(['d', 'c', 'b']);
      expect(result).toMatchObject({ outcome: 'undone', error: { code: 'DNS_FAILED' }, undoFailures: [
        { code: 'CLOUDFLARE_UNREACHABLE', message: 'away' },
        { code: 'CLOUDFLARE_UNREACHABLE', message: 'Not undone but owed: the thing c' },
        { code: 'CLOUDFLARE_UNREACHABLE', message: 'Not undone but owed: the thing b' },
      ] });
      expect(tried.calls.at(-1), 'the next start goes on').toBe('release');
    });

    test('is nothing where nobody wants it any more', async () => {
      const tried = bench();
      tried.faults.set('undo d', fail('CLOUDFLARE_UNREACHABLE', 'away'));
      for (const name of ['b', 'c']) tried.wanted.add(name);
      expect(await runChange(header(STEPS), tried.store, tried.options())).toMatchObject({ undoFailures: [{ message: 'away' }] });
      expect(tried.owed).toEqual(['d']);
    });

    test('is tried on where one was refused', async () => {
      const tried = bench();
      tried.faults.set('undo d', fail('DNS_FAILED', 'refused'));
      expect(await runChange(header(STEPS), tried.store, tried.options())).toMatchObject({ undoFailures: [{ message: 'refused' }] });
      expect(tried.done).toEqual(['d']);
      expect(tried.owed).toEqual(['d']);
    });

    test('that does not answer is waited for once', async () => {
      const tried = bench();
      tried.faults.set('undo d', () => new Promise(() => {}));
      const result = await runChange(header(STEPS), tried.store, tried.options({ clock: createTestClock((ms) => ms === 30_000), undoTimeoutMs: 30_000 }));
      expect(result).toMatchObject({ undoFailures: [
        { code: 'ROLLBACK_FAILED', message: 'Undoing remote took longer than 30 s; owed: the thing d' },
        { code: 'ROLLBACK_FAILED', message: 'Not undone but owed: the thing c' },
        { code: 'ROLLBACK_FAILED', message: 'Not undone but owed: the thing b' },
      ] });
      expect(tried.done).toEqual(['b', 'c', 'd']);
    });

    test('that is slow is owed from when the time for all of them is over; what needs nobody is undone', async () => {
      const tried = bench();
      const clock = createTestClock();
      for (const name of ['d', 'c']) tried.faults.set(`undo ${name}`, async () => clock.advance(25_000));
      const result = await runChange(header(STEPS), tried.store, tried.options({ clock, undoTimeoutMs: 30_000, undoAllTimeoutMs: 50_000 }));
      expect(result).toMatchObject({ undoFailures: [{ code: 'ROLLBACK_FAILED', message: 'Not undone but owed: the thing b' }] });
      expect(tried.done).toEqual(['b']);
    });
  });

  test('after the commit failures are said and the rest is done', async () => {
    const bench = new Bench();
    bench.faults.set('run b', fail('DNS_FAILED', 'no'));
    const result = await runChange(header(ABC, { finishFrom: 0, commit: 0 }), bench.store, bench.options());
    expect(result).toMatchObject({ outcome: 'done', failures: [{ code: 'DNS_FAILED' }] });
    expect(bench.done).toEqual(['a', 'c']);
  });

  test('a journal that cannot be written undoes before the commit, and is only said after it', async () => {
    const early = new Bench();
    early.faults.set('append', fail('DISK_FULL', 'full'));
    expect(await runChange(header(ABC, { finishFrom: 0, commit: 0 }), early.store, early.options())).toMatchObject({ outcome: 'undone', error: { code: 'DISK_FULL' }, undoFailures: [] });
    expect(early.calls).toEqual([]);

    const late = new Bench();
    late.faults.set('run a', async () => void late.faults.set('append', fail('DISK_FULL', 'full')));
    expect(await runChange(header(ABC, { finishFrom: 0, commit: 0 }), late.store, late.options())).toMatchObject({ outcome: 'done', failures: [{ code: 'DISK_FULL' }, { code: 'DISK_FULL' }] });
    expect(late.done).toEqual(['a', 'b', 'c']);
  });

  test('a journal that cannot be opened: nothing was done', async () => {
    const bench = new Bench();
    const store: JournalStore = { ...bench.store, open: fail('DISK_FULL', 'full') };
    await expect(runChange(header(ABC), store, bench.options())).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(bench.calls).toEqual([]);
  });
});

describe('an interrupt', () => {
  test('before the point of no return undoes', async () => {
    const bench = new Bench();
    const stop = new AbortController();
    let returned = true;
    bench.faults.set('run b', async () => stop.abort(new SupervisorError('INTERRUPTED', 'stop')));
    const result = await runChange(header(ABC, { finishFrom: 2 }), bench.store, bench.options({ interrupt: stop.signal, onNoReturn: () => void (returned = false) }));
    expect(result).toMatchObject({ outcome: 'undone', error: { code: 'INTERRUPTED' } });
    expect(returned).toBe(true);
    expect(bench.done).toEqual([]);
  });

  test('after the last step before it, too', async () => {
    const bench = new Bench();
    const stop = new AbortController();
    const result = await runChange(header(ABC, { finishFrom: 1 }), bench.store, bench.options({
      interrupt: stop.signal,
      gate: async ({ step, phase }) => {
        if (step === 1 && phase === 'before') stop.abort(new SupervisorError('INTERRUPTED', 'stop'));
      },
    }));
    expect(result).toMatchObject({ outcome: 'undone' });
    expect(bench.done).toEqual([]);
  });

  test('after it leaves the change to the next start, which finishes it', async () => {
    const bench = new Bench();
    const stop = new AbortController();
    bench.faults.set('run b', async () => stop.abort(new SupervisorError('DAEMON_STOPPING', 'stop')));
    let noReturn = 0;
    const result = await runChange(header(ABC, { finishFrom: 1, commit: 2 }), bench.store, bench.options({ interrupt: stop.signal, onNoReturn: () => void (noReturn += 1) }));
    expect(result).toEqual({ outcome: 'suspended' });
    expect(noReturn).toBe(1);
    expect(bench.journals.size).toBe(1);
    bench.faults.clear();
    expect(await recoverChange(bench.record(), bench.store, { ...bench.options(), waitToRetry: async () => false })).toMatchObject({ outcome: 'done' });
    expect(bench.done).toEqual(['a', 'b', 'c']);
  });
});

describe('recovering', () => {
  const left = (bench: Bench, entries: readonly JournalEntry[], more: Partial<JournalHeader<Step>> = {}, steps: readonly Step[] = ABC): JournalRecord<Step> => {
    bench.journals.set('c1', { header: header(steps, { finishFrom: 1, commit: 2, ...more }), entries: [...entries] });
    return bench.record();
  };
  const recover = (bench: Bench, record: JournalRecord<Step>, waitToRetry: (error: SupervisorError, attempt: number) => Promise<boolean> = async () => false) => recoverChange(record, bench.store, { ...bench.options(), waitToRetry });

  test('a change that nobody saw is undone', async () => {
    const bench = new Bench();
    bench.done.push('a');
    expect(await recover(bench, left(bench, [{ step: 0, phase: 'begun' }]))).toMatchObject({ outcome: 'undone', undoFailures: [] });
    expect(bench.done).toEqual([]);
    expect(bench.journals.size).toBe(0);
  });

  test('one that the world may have seen is finished, and what had begun is done again', async () => {
    const bench = new Bench();
    bench.done.push('a');
    expect(await recover(bench, left(bench, [{ step: 0, phase: 'begun' }, { step: 0, phase: 'done', result: 1 }, { step: 1, phase: 'begun' }]))).toMatchObject({ outcome: 'done', results: [1, { name: 'b' }, { name: 'c' }] });
    expect(bench.done).toEqual(['a', 'b', 'c']);
  });

  test('one that was being undone goes on being undone, whatever it had reached', async () => {
    const bench = new Bench();
    bench.done.push('a', 'b');
    const entries: JournalEntry[] = [{ step: 0, phase: 'done' }, { step: 1, phase: 'done' }, { step: 2, phase: 'begun' }, { phase: 'undoing', error: null }, { step: 2, phase: 'undone' }];
    expect(await recover(bench, left(bench, entries))).toMatchObject({ outcome: 'undone' });
    expect(bench.calls).toEqual(['undo b', 'undo a']);
  });

  test('what does not outlive a process is done again, unless the change is committed', async () => {
    const steps: Step[] = [{ kind: 'volatile', name: 'v' }, put('b'), put('c'), put('d')];
    const entries: JournalEntry[] = [{ step: 0, phase: 'done' }, { step: 1, phase: 'begun' }];
    const bench = new Bench();
    await recover(bench, left(bench, entries, {}, steps));
    expect(bench.calls).toEqual(['run v', 'run b', 'run c', 'run d']);

    const committed = new Bench();
    await recover(committed, left(committed, [...entries, { step: 1, phase: 'done' }, { step: 2, phase: 'done' }], {}, steps));
    expect(committed.calls).toEqual(['run d']);
  });

  test('what is away is tried again for as long as it is worth it', async () => {
    const bench = new Bench();
    let failures = 0;
    bench.faults.set('run b', async () => {
      failures += 1;
      if (failures < 4) throw new SupervisorError('DNS_FAILED', 'away');
    });
    const attempts: number[] = [];
    const result = await recover(bench, left(bench, [{ step: 1, phase: 'begun' }]), async (_, attempt) => attempts.push(attempt) > 0);
    expect(result).toMatchObject({ outcome: 'done' });
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('what will never work is undone, with its reason', async () => {
    const bench = new Bench();
    bench.done.push('a');
    bench.faults.set('run b', fail('DNS_FAILED', 'refused'));
    expect(await recover(bench, left(bench, [{ step: 0, phase: 'done' }, { step: 1, phase: 'begun' }]))).toMatchObject({ outcome: 'undone', error: { message: 'refused' } });
    expect(bench.done).toEqual([]);
  });

  test('a change that was planned anew goes on with its new steps', async () => {
    const bench = new Bench();
    const entries: JournalEntry[] = [{ step: 0, phase: 'done' }, { step: 1, phase: 'done' }, { phase: 'replanned', from: 2, steps: [put('x'), put('y')], commit: 3 }, { step: 2, phase: 'begun' }];
    await recover(bench, left(bench, entries));
    expect(bench.calls).toEqual(['run x', 'run y']);
    expect(bench.journals.size).toBe(0);
  });
});

test('planning anew is asked for from the point of no return to the commit, and journalled', async () => {
  const bench = new Bench();
  const asked: number[] = [];
  let seen: readonly JournalEntry[] = [];
  await runChange(header(ABC, { finishFrom: 1, commit: 2 }), bench.store, bench.options({
    replan: async ({ index, progress }) => {
      asked.push(index);
      return index === 2 && progress.steps.length === 3 ? { steps: [put('x'), put('y'), put('z')], commit: 3 } : undefined;
    },
    gate: async () => {
      seen = structuredClone(bench.record().entries);
    },
  }));
  expect(asked).toEqual([1, 2, 3]);
  expect(bench.done).toEqual(['a', 'b', 'x', 'y', 'z']);
  expect(seen).toContainEqual({ phase: 'replanned', from: 2, steps: [put('x'), put('y'), put('z')], commit: 3 });
});
