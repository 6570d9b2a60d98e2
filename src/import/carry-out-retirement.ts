import { systemClock, type Clock } from '../core/clock.js';
import { toSupervisorError } from '../core/errors.js';
import { runPrivileged } from '../host/privileged.js';
import { isRunning } from '../host/process-table.js';
import type { Argv } from '../host/run-program.js';
import { findSystemProgram } from '../host/system-program.js';
import type { ProcessReport } from './report.js';
import type { Retirement, RetireStep } from './retire.js';

export interface RetirementTools {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs a program as the service user, in their own session. Rejects where it fails. */
  readonly runAsOwner: (argv: Argv, timeoutMs: number) => Promise<void>;
  readonly clock?: Clock;
}

export interface Retired {
  readonly ended: readonly number[];
  /** Not ended within their grace period: requests in flight may still finish. */
  readonly draining: readonly number[];
}

const POLL_MS = 50;
/** Beyond the grace period, for a slow machine. */
const END_MARGIN_MS = 15_000;
const KILL_TIMEOUT_MS = 10_000;

/**
 * Stops the old connectors, each with one SIGTERM at most, and waits for their requests in flight. Call it only while
 * ours serves.
 * @throws SupervisorError PRIVILEGE_*, PRIVILEGED_COMMAND_*, SERVICE_FAILED
 */
export async function carryOutRetirement({ steps, processes, graceMs }: Retirement, tools: RetirementTools): Promise<Retired> {
  const clock = tools.clock ?? systemClock;
  for (const step of steps) await carryOut(step, processes, tools);
  const deadline = clock.monotonic() + graceMs + END_MARGIN_MS;
  while (processes.some(isRunning) && clock.monotonic() < deadline) await clock.sleep(POLL_MS);
  return { ended: processes.filter((one) => !isRunning(one)).map(({ pid }) => pid), draining: processes.filter(isRunning).map(({ pid }) => pid) };
}

async function carryOut(step: RetireStep, processes: readonly ProcessReport[], tools: RetirementTools): Promise<void> {
  if (step.kind === 'terminate') {
    if (isRunning(step)) await terminate(step.pid, step.uid, tools);
    return;
  }
  if (step.by === 'user') {
    await tools.runAsOwner(step.argv, step.timeoutMs);
    return;
  }
  try {
    const { stdout } = await runPrivileged(step.argv, { timeoutMs: step.timeoutMs, env: tools.env });
    // cloudflared's own script asks `ps`, and where there is none it takes what runs for stopped, and leaves it alone.
    if (step.tolerant && /not running/i.test(stdout)) for (const { pid, uid } of processes.filter(isRunning)) await terminate(pid, uid, tools);
  } catch (thrown) {
    if (!step.tolerant || toSupervisorError(thrown).code !== 'PRIVILEGED_COMMAND_FAILED') throw thrown;
  }
}

async function terminate(pid: number, uid: number, { env }: RetirementTools): Promise<void> {
  const own = process.geteuid?.();
  if (own === 0 || own === uid) {
    process.kill(pid, 'SIGTERM');
    return;
  }
  await runPrivileged(terminateCommand(pid), { timeoutMs: KILL_TIMEOUT_MS, env });
}

/** In Debian's slim systems `kill` is a word of the shell alone; Node is here in any case. */
export function terminateCommand(pid: number, find: (name: string) => string | undefined = findSystemProgram): Argv {
  const kill = find('kill');
  return kill === undefined ? [process.execPath, '-e', 'process.kill(Number(process.argv[1]), "SIGTERM")', String(pid)] : [kill, '-TERM', String(pid)];
}
