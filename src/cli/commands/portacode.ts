import { once, setMaxListeners } from 'node:events';
import { systemClock } from '../../core/clock.js';
import { ERRORS, SupervisorError, type ErrorCode } from '../../core/errors.js';
import { builtFile } from '../../host/package-files.js';
import { findUid } from '../../host/passwd.js';
import type { Places } from '../../host/places.js';
import { runProgram } from '../../host/run-program.js';
import { agentDirectory } from '../../portacode/agent-directory.js';
import { runBridge } from '../../portacode/bridge/bridge.js';
import { DaemonLink } from '../../portacode/bridge/daemon-link.js';
import { createMirror, NO_MIRROR } from '../../portacode/bridge/mirror.js';
import type { PortacodeEvent } from '../../portacode/events.js';
import type { CommandContext, RunCommand } from '../command.js';
import { createContext } from '../context.js';
import { readRunFlags, toArguments } from '../run-flags.js';
import { printable } from '../printable.js';

export const run: RunCommand = async (context) => {
  const gone = new AbortController();
  const signal = AbortSignal.any([context.signal, gone.signal]);
  setMaxListeners(0, signal); // one for each command that is under way
  // Who reads is gone: then nobody is there to work for.
  process.stdout.on('error', () => gone.abort());
  const warn = (message: string): void => void process.stderr.write(`${printable(message)}\n`);

  let known: Promise<Places> | undefined;
  const places = (): Promise<Places> => (known ??= createContext(context).places());
  const forget = (): void => {
    known = undefined;
  };
  // Whoever starts a daemon decides where it is.
  const bringUp = (): Promise<void> => startDaemon(context).finally(forget);
  // The agent is the user that started us, whomever the daemon works for.
  const agentDir = agentDirectory(context.environment, findUid(process.geteuid?.() ?? 0)?.home);
  const onFailure = (message: string): void => warn(`The state files cannot be kept current in ${agentDir ?? ''}: ${message}`);
  const mirror = agentDir === undefined ? NO_MIRROR : createMirror({ stateDir: async () => (await places()).stateDir, agentDir, onFailure });
  const link = new DaemonLink({ socketPath: async () => (await places()).socket, bringUp, clock: systemClock, signal });
  await runBridge({ input: readInput(signal), write: writeEvent, follow: context.options.flag('follow'), link, mirror, clock: systemClock, signal, warn });
  return 0;
};

async function* readInput(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { stdin } = process;
  const stop = (): void => void stdin.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stdin) yield chunk as Uint8Array;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

let draining: Promise<unknown> | undefined;

async function writeEvent(event: PortacodeEvent): Promise<void> {
  if (process.stdout.write(`${JSON.stringify(event)}\n`) || !process.stdout.writable) return;
  // One waits for the reader, for all that are under way.
  draining ??= once(process.stdout, 'drain')
    .catch(() => undefined) // closed by an error: seen above
    .finally(() => (draining = undefined));
  await draining;
}

/** From the start of `up` to its answer; a daemon that has much to recover serves before it is through. */
const UP_TIMEOUT_MS = 60_000;

/** `up`, as anybody would call it: through the installed unit where there is one. @throws SupervisorError what it says */
async function startDaemon({ options, environment }: CommandContext): Promise<void> {
  const program = builtFile('cli/main');
  const env = Object.fromEntries(Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
  const { exitCode, stdout, stderr, timedOut } = await runProgram([process.execPath, program, 'up', '--json', ...toArguments(readRunFlags(options))], { env, timeoutMs: UP_TIMEOUT_MS });
  if (exitCode === 0) return;
  if (timedOut) throw new SupervisorError('DAEMON_UNREACHABLE', `\`up\` did not end within ${UP_TIMEOUT_MS / 1000} s`);
  const { code, message, hint } = readAnswer(stdout);
  throw new SupervisorError(code in ERRORS ? (code as ErrorCode) : 'DAEMON_UNREACHABLE', message ?? stderr.trim(), hint === undefined ? {} : { hint });
}

function readAnswer(stdout: string): { readonly code: string; readonly message: string | undefined; readonly hint: string | undefined } {
  try {
    const { code, message, hint } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Readonly<Record<string, unknown>>;
    return { code: String(code), message: typeof message === 'string' ? message : undefined, hint: typeof hint === 'string' ? hint : undefined };
  } catch {
    return { code: '', message: undefined, hint: undefined }; // it died before it could say anything: then what stands on its standard error is the reason
  }
}
