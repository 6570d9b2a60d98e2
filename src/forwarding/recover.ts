import type { Clock, Random } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import type { JournalRecord } from '../transaction/ports.js';
import { recoverChange } from '../transaction/recover.js';
import type { RunResult } from '../transaction/run.js';
import { runOptions, type ApplyRun } from './apply.js';
import type { ChangeScope } from './change-scope.js';
import type { ForwardingStep, ForwardingStepKind } from './steps.js';
import { isTransient } from './transient.js';

export interface Recovery {
  readonly change: string;
  readonly outcome: 'finished' | 'undone' | 'failed';
  readonly message: string;
}

const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 60_000;

/**
 * Finishes or undoes a change that a killed supervisor left, without asking anyone. What is away (the network after a
 * power failure) is waited for; a withdrawal may go ahead meanwhile. Undefined: the daemon stops, the next start goes on.
 */
export async function recoverForwarding(record: JournalRecord, run: Omit<ApplyRun, 'onNoReturn'>, random: Random): Promise<Recovery | undefined> {
  const { ports } = run;
  const { change } = record.header;
  const scope: ChangeScope = { ...run, contents: new Map(), warnings: [] };
  const result = await recoverChange(knownCommit(parseRecord(record), ports.revisions.current()?.revision), ports.journals, {
    ...runOptions(scope, change),
    interrupt: run.interrupt,
    waitToRetry: async (error, attempt) => isTransient(error) && (await run.window.during(() => pause(ports.clock, random, attempt, run.interrupt))),
  });
  const recovery = describe(change, result);
  if (recovery !== undefined) ports.emit('journal.recovered', recovery);
  return recovery;
}

/** Doubling, jittered; false where the daemon stops. */
async function pause(clock: Clock, random: Random, attempt: number, signal: AbortSignal): Promise<boolean> {
  const ms = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)) * (0.5 + random() / 2);
  return clock.sleep(ms, signal).then(
    () => true,
    () => false,
  );
}

/** The commit may have been made by a process that did not come to saying so: the store knows. */
function knownCommit(record: JournalRecord<ForwardingStep>, current: number | undefined): JournalRecord<ForwardingStep> {
  const replanned = record.entries.findLast((entry) => entry.phase === 'replanned');
  const steps = replanned === undefined ? record.header.steps : [...record.header.steps.slice(0, replanned.from), ...(replanned.steps as readonly ForwardingStep[])];
  const commit = replanned?.commit ?? record.header.commit;
  const step = commit === undefined ? undefined : steps[commit];
  if (commit === undefined || step?.kind !== 'commit-revision' || step.revision !== current) return record;
  if (record.entries.some((entry) => entry.phase === 'undoing')) return record;
  return { ...record, entries: [...record.entries, { step: commit, phase: 'done' }] };
}

const KINDS: Readonly<Record<ForwardingStepKind, true>> = {
  'write-revision': true, 'install-artifacts': true, 'stop-connectors': true, 'start-connector': true, 'verify-connector': true,
  'publish-record': true, 'commit-revision': true, 'promote-connector': true, 'kill-connectors': true, 'retire-connectors': true,
  'write-copies': true, 'drop-revision': true, 'withdraw-record': true, 'forget-artifacts': true,
};

/** We wrote it ourselves, fields and all; only a newer version of us could have written steps that we do not know. */
function parseRecord(record: JournalRecord): JournalRecord<ForwardingStep> {
  const replanned = record.entries.flatMap((entry) => (entry.phase === 'replanned' ? entry.steps : []));
  const unknown = [...record.header.steps, ...replanned].find(({ kind }) => !Object.hasOwn(KINDS, kind));
  if (unknown !== undefined) throw new SupervisorError('DOCUMENT_NEWER', `The journal of ${record.header.change} holds the step ${unknown.kind}, which this version does not know`);
  return record as JournalRecord<ForwardingStep>;
}

function describe(change: string, result: RunResult): Recovery | undefined {
  if (result.outcome === 'suspended') return undefined;
  if (result.outcome === 'done') return { change, outcome: 'finished', message: 'The change was finished' };
  if (result.undoFailures.length === 0) return { change, outcome: 'undone', message: `The change was undone: ${result.error.message}` };
  return { change, outcome: 'failed', message: `The change could not be undone: ${result.undoFailures.map(({ message }) => message).join('; ')}` };
}
