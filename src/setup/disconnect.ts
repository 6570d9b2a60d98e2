import { toIso } from '../core/clock.js';
import type { Warning } from '../core/dns.js';
import type { RunOptions } from '../transaction/forward.js';
import type { JournalHeader, JournalRecord } from '../transaction/ports.js';
import { recoverChange } from '../transaction/recover.js';
import { runChange } from '../transaction/run.js';
import { createDisconnectExecutors, findReasonToLeave, planDisconnect, warningsOf, type DisconnectStep } from './disconnect-steps.js';
import type { DisconnectPorts } from './ports.js';
import { waitToRetry } from './wait-to-retry.js';

export interface DisconnectOutcome {
  /** `unchanged`: nothing was connected. */
  readonly outcome: 'disconnected' | 'planned' | 'unchanged';
  readonly plan: readonly DisconnectStep[];
  /** What is left behind, and why. */
  readonly warnings: readonly Warning[];
}

const UNDO_TIMEOUT_MS = 60_000;

/**
 * Stops the connectors, removes our records, the tunnel if we made it, and the files that let one run and manage it.
 * Records and tunnel stay where others are connected to it: a site that other machines serve must not go dark. Fails before anything stops where Cloudflare is away; everything is as before when it rejects.
 */
export async function disconnect(ports: DisconnectPorts, options: { readonly dryRun: boolean; readonly interrupt: AbortSignal }): Promise<DisconnectOutcome> {
  const installed = await ports.installed();
  if (installed === undefined) return { outcome: 'unchanged', plan: [], warnings: [] };
  const reason = await findReasonToLeave(ports, installed, options.interrupt);
  const plan = planDisconnect(installed, ports.ledger(), reason);
  if (options.dryRun) return { outcome: 'planned', plan, warnings: warningsOf(plan) };

  const header: JournalHeader<DisconnectStep> = {
    change: ports.createChangeId(),
    kind: 'disconnect',
    startedAt: toIso(ports.clock.now()),
    steps: plan,
    finishFrom: plan.findIndex((step) => step.kind === 'stop-connectors'),
    // All but the files: without them nothing could be taken back.
    commit: plan.length - 2,
    context: null,
  };
  const warnings: Warning[] = [];
  const result = await runChange(header, ports.journals, optionsOf(ports, warnings, options.interrupt));
  if (result.outcome === 'suspended') throw options.interrupt.reason;
  if (result.outcome === 'undone') {
    for (const { code, message } of result.undoFailures) ports.emit('daemon.warned', { code, message });
    throw result.error;
  }
  const { id, domain } = installed.identity;
  ports.emit('tunnel.disconnected', { tunnelId: id, domain });
  return { outcome: 'disconnected', plan, warnings: [...warnings, ...result.failures.map(({ code, message }) => ({ code, message }))] };
}

/** Finishes what a killed process had begun to stop; else undoes it. */
export async function recoverDisconnect(ports: DisconnectPorts, record: JournalRecord<DisconnectStep>, interrupt: AbortSignal): Promise<void> {
  const { change } = record.header;
  const warnings: Warning[] = [];
  const result = await recoverChange(record, ports.journals, {
    ...optionsOf(ports, warnings, interrupt),
    waitToRetry: (error, attempt) => waitToRetry({ clock: ports.clock, interrupt }, error, attempt),
  });
  for (const warning of warnings) ports.emit('daemon.warned', warning);
  if (result.outcome === 'suspended') return;
  if (result.outcome === 'done') ports.emit('journal.recovered', { change, outcome: 'finished', message: 'A disconnect that was cut off is finished.' });
  else ports.emit('journal.recovered', { change, outcome: result.undoFailures.length === 0 ? 'undone' : 'failed', message: result.error.message });
}

function optionsOf(ports: DisconnectPorts, warnings: Warning[], interrupt: AbortSignal): RunOptions<DisconnectStep> {
  return { executors: createDisconnectExecutors(ports, warnings), clock: ports.clock, undoTimeoutMs: UNDO_TIMEOUT_MS, interrupt, gate: ports.gate };
}
