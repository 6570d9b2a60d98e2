import { expect, test } from 'vitest';
import type { EventData, EventType, SupervisorEvent } from '../../../src/core/events.js';
import { attend, NO_ATTENTION, type AttentionState } from '../../../src/daemon/attention.js';
import { SupervisorError } from '../../../src/core/errors.js';

const event = <T extends EventType>(type: T, data: EventData[T]): SupervisorEvent => ({ seq: 1, at: '', type, data }) as SupervisorEvent;
const after = (...events: readonly SupervisorEvent[]): AttentionState => events.reduce(attend, NO_ATTENTION);
const codes = (state: AttentionState): string[] => [...state.values()].map(({ code }) => code);

const body = (code: 'CONFIG_REFUSED' | 'SETUP_CANCELLED' | 'LOGIN_TIMED_OUT') => new SupervisorError(code, 'it').toBody();
const applied = event('forwarding.applied', { change: 'c', revision: 2, reason: 'user', rules: [], warnings: [], durationMs: 1 });
const rolledBack = (undoFailures: ReturnType<typeof body>[]) => event('forwarding.rolled-back', { change: 'c', revision: 2, error: body('CONFIG_REFUSED'), undoFailures });
const drifted = (repaired: boolean) => event('dns.drifted', { hostname: 'a.example.com', problem: 'gone', repaired });

test.each<[string, readonly SupervisorEvent[], readonly string[]]>([
  ['a setup that failed', [event('setup.failed', { step: 'log-in', error: body('LOGIN_TIMED_OUT') })], ['LOGIN_TIMED_OUT']],
  ['nothing, when it begins again', [event('setup.failed', { step: 'log-in', error: body('LOGIN_TIMED_OUT') }), event('setup.step-started', { step: 'log-in' })], []],
  ['nothing of a setup that somebody cancelled', [event('setup.failed', { step: 'log-in', error: body('SETUP_CANCELLED') })], []],
  ['an undo that failed', [rolledBack([body('CONFIG_REFUSED')])], ['CONFIG_REFUSED']],
  ['nothing of one that succeeded', [rolledBack([])], []],
  ['nothing of it, once another change is applied', [rolledBack([body('CONFIG_REFUSED')]), applied], []],
  ['a record that drifted', [drifted(false)], ['DNS_CONFLICT']],
  ['nothing, once repaired', [drifted(false), drifted(true)], []],
  ['nothing, once it is removed', [drifted(false), event('dns.removed', { hostname: 'a.example.com' })], []],
  ['nothing, once somebody set it right', [drifted(false), event('dns.settled', { hostname: 'a.example.com' })], []],
  ['a warning once, however often it is given', [event('daemon.warned', { code: 'ROOT', message: 'm' }), event('daemon.warned', { code: 'ROOT', message: 'm' })], ['ROOT']],
  ['a copy that cannot be written', [event('copy.failed', { code: 'STORAGE_FORBIDDEN', message: 'm' }), applied], ['STORAGE_FORBIDDEN']],
  ['nothing, once all are written', [event('copy.failed', { code: 'STORAGE_FORBIDDEN', message: 'm' }), event('copy.failed', { code: 'DISK_FULL', message: 'n' }), event('copy.restored', { revision: 2 })], []],
  ['a recovery that failed', [event('journal.recovered', { change: 'c', outcome: 'failed', message: 'm' })], ['ROLLBACK_FAILED']],
])('a person sees %s', (_name, events, expected) => {
  expect(codes(after(...events))).toEqual(expected);
});

test('everything that is shown says what to do about it', () => {
  const shown = [...after(rolledBack([body('CONFIG_REFUSED')]), drifted(false), event('journal.recovered', { change: 'c', outcome: 'failed', message: 'm' })).values()];
  expect(shown.map(({ hint }) => hint).filter((hint) => hint === '')).toEqual([]);
  // Of what fails at every start: the way out.
  expect(shown.at(-1)?.hint).toContain('move journal/c.jsonl');
});
