import { toIso } from '../core/clock.js';
import { toSupervisorError, type SupervisorError } from '../core/errors.js';
import type { RunOptions } from '../transaction/forward.js';
import type { JournalHeader, JournalRecord } from '../transaction/ports.js';
import { replayJournal } from '../transaction/progress.js';
import { recoverChange } from '../transaction/recover.js';
import { runChange, type RunResult } from '../transaction/run.js';
import { isAdopting, journalParameters, readParameters, type SetupParameters, type SetupResult } from './parameters.js';
import type { SetupPorts, Zone } from './ports.js';
import type { SetupRun } from './setup-run.js';
import { createSetupExecutors, SETUP_PLAN, type SetupStepData } from './steps.js';
import { waitToRetry } from './wait-to-retry.js';

export interface SetupControl {
  /** Aborted, with SETUP_CANCELLED, when a person cancels. */
  readonly cancel: AbortSignal;
  /** Aborted when the daemon stops: what is staged is gone on with at the next start. */
  readonly interrupt: AbortSignal;
  /** The new tunnel serves; what follows is tidying up. */
  readonly onPublished: (result: SetupResult) => void;
}

export type SetupEnd =
  | { readonly kind: 'completed' }
  /** Everything is as before; or, where taking a step back failed, will be after the next start. */
  | { readonly kind: 'failed'; readonly error: SupervisorError; readonly undone: boolean }
  /** The next start goes on with it; or, where nobody has authorised it yet, takes it back. */
  | { readonly kind: 'suspended'; readonly goesOn: boolean };

/** How long taking one step back may last: it is Cloudflare that may be away. */
const UNDO_TIMEOUT_MS = 60_000;

/**
 * The recipe: find cloudflared, log in, find the zone, provide a tunnel, publish on it; then see to the one before.
 * What serves goes on serving until `publish`, which changes it as one transaction. Never rejects.
 */
export async function runSetup(ports: SetupPorts, parameters: SetupParameters, control: SetupControl): Promise<SetupEnd> {
  const run = startRun({ change: ports.createChangeId(), parameters, recovered: false, adopts: parameters.adoption !== undefined }, control);
  const header: JournalHeader<SetupStepData> = {
    change: run.change,
    kind: 'setup',
    startedAt: toIso(ports.clock.now()),
    steps: SETUP_PLAN.map((kind) => ({ kind })),
    // Once a person has authorised us, that is not to be asked for again.
    finishFrom: SETUP_PLAN.indexOf('log-in'),
    commit: SETUP_PLAN.indexOf('publish'),
    context: journalParameters(parameters),
  };
  return conclude(ports, run, () => runChange(header, ports.journals, optionsOf(ports, run, control)));
}

/** Goes on with a setup that another process left: with what is staged, and without asking anyone. Never rejects. */
export async function recoverSetup(ports: SetupPorts, record: JournalRecord<SetupStepData>, control: SetupControl): Promise<SetupEnd> {
  const { change: begun, context } = record.header;
  const run = startRun({ change: begun, parameters: readParameters(context), recovered: true, adopts: isAdopting(context) }, control);
  const { results } = replayJournal(record);
  run.zone = readZone(results[SETUP_PLAN.indexOf('find-zone')]);
  run.existed = readExisted(results[SETUP_PLAN.indexOf('create-tunnel')]);
  const end = await conclude(ports, run, () =>
    recoverChange(record, ports.journals, { ...optionsOf(ports, run, control), waitToRetry: (error, attempt) => waitToRetry({ clock: ports.clock, ...control }, error, attempt) }),
  );
  const { change } = run;
  if (end.kind === 'completed') ports.emit('journal.recovered', { change, outcome: 'finished', message: 'A setup that was cut off is finished.' });
  if (end.kind === 'failed') ports.emit('journal.recovered', { change, outcome: end.undone ? 'undone' : 'failed', message: end.error.message });
  return end;
}

function startRun(about: Pick<SetupRun, 'change' | 'parameters' | 'recovered' | 'adopts'>, { cancel, onPublished }: SetupControl): SetupRun {
  return { ...about, cancel, onPublished, step: 'find-binary', binary: undefined, zone: undefined, existed: true, warnings: [] };
}

function optionsOf(ports: SetupPorts, run: SetupRun, { interrupt }: SetupControl): RunOptions<SetupStepData> {
  return { executors: createSetupExecutors(ports, run), clock: ports.clock, undoTimeoutMs: UNDO_TIMEOUT_MS, interrupt, gate: ports.gate };
}

async function conclude(ports: SetupPorts, run: SetupRun, go: () => Promise<RunResult>): Promise<SetupEnd> {
  const result = await go().catch((thrown: unknown): RunResult => ({ outcome: 'undone', error: toSupervisorError(thrown), undoFailures: [] }));
  if (result.outcome === 'suspended') return { kind: 'suspended', goesOn: await isAuthorised(ports, run) };
  const leftovers = result.outcome === 'done' ? result.failures : result.undoFailures;
  for (const { code, message } of leftovers) ports.emit('daemon.warned', { code, message });
  if (result.outcome === 'done') return { kind: 'completed' };
  ports.emit('setup.failed', { step: run.step, error: result.error.toBody() });
  return { kind: 'failed', error: result.error, undone: leftovers.length === 0 };
}

/** What `authorise` finds staged at the next start. */
async function isAuthorised({ staging }: SetupPorts, { adopts, step }: SetupRun): Promise<boolean> {
  if (step === 'find-binary') return false;
  const staged = adopts ? staging.readAdoption() : staging.readCertificate();
  return (await staged.catch(() => undefined)) !== undefined; // unreadable: not for the next start either
}

function readZone(result: unknown): Zone | undefined {
  if (typeof result !== 'object' || result === null || !('id' in result) || !('name' in result)) return undefined;
  return typeof result.id === 'string' && typeof result.name === 'string' ? { id: result.id, name: result.name } : undefined;
}

const readExisted = (result: unknown): boolean => typeof result === 'object' && result !== null && 'existed' in result && result.existed === true;
