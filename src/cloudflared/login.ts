import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '../core/clock.js';
import type { Clock } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import { childEnvironment } from '../host/child-environment.js';
import type { Environment } from '../host/child-environment.js';
import { listProcesses, readEnviron } from '../host/process-table.js';
import { redact } from '../host/redact.js';
import { readRegularText } from '../host/regular-file.js';
import { signalGroup, signalProcess, waitForEnd } from '../host/stop-process.js';
import { isMissing, toStorageError } from '../host/storage-error.js';
import type { Login, LoginOutcome } from '../setup/ports.js';
import { loginCommand } from './command-lines.js';
import { createLoginOutput } from './login-url.js';
import { pathWithoutOpeners } from './path-without-openers.js';
import { watchProgram } from './terminal.js';
import type { TerminalKind, WatchedProgram } from './terminal.js';

export interface LoginOptions {
  /** Private, made anew for each run and removed after it: cloudflared writes its certificate to HOME and nowhere else. */
  readonly home: string;
  /** Our own environment; the child gets the allow-list of it. */
  readonly env: Environment;
  /** `SSL_CERT_FILE` of our own making, where the system has no CA bundle. */
  readonly extra?: Environment;
  /** Default: the pseudo terminal where there is one. */
  readonly terminal?: TerminalKind;
  readonly clock?: Clock;
}

/** With the certificate written it has nothing left to do; what is still there after this is ended. */
const AFTER_CERTIFICATE_MS = 5_000;
const LOOK_MS = 500;
const SWEEP_TIMEOUT_MS = 5_000;

/** `cloudflared tunnel login`, run by run. Judged by the certificate: exit code 0 may mean that nothing was done. */
export function createLogin(options: LoginOptions): Login {
  const { home, clock = systemClock } = options;
  const certificate = join(home, '.cloudflared', 'cert.pem');

  const attempt: Login['attempt'] = async ({ binary, onUrl, signal }) => {
    signal.throwIfAborted();
    await makeHome(home);
    const output = createLoginOutput();
    const seen = childEnvironment({ env: options.env, home, ...(options.extra === undefined ? {} : { extra: options.extra }) });
    let shown = false;
    const program = await watchProgram({
      command: loginCommand(binary.path),
      env: { ...seen, PATH: pathWithoutOpeners(seen['PATH'] ?? '', home) },
      cwd: home,
      onText: (text) => {
        const url = output.add(text);
        if (url === undefined) return;
        shown = true;
        onUrl(url);
      },
    }, options.terminal);
    try {
      await untilEnded(program, signal, clock, certificate);
      const pem = await readCertificate(certificate);
      if (pem !== undefined) return { kind: 'certificate', pem };
      return concludeWithout(shown, redact(output.lastLine()));
    } finally {
      program.kill();
      await program.ended;
      await rm(home, { recursive: true, force: true });
    }
  };

  const sweep: Login['sweep'] = async () => {
    const left = listProcesses((entry) => entry.argv.includes('login') && entry.argv.includes('tunnel') && homeOf(entry.pid) === home);
    for (const entry of left) {
      if (entry.processGroup === entry.pid) signalGroup(entry.pid, 'SIGKILL');
      signalProcess(entry, 'SIGKILL');
      await waitForEnd(entry, SWEEP_TIMEOUT_MS, clock);
    }
    await rm(home, { recursive: true, force: true });
  };

  return { attempt, sweep };
}

/** A run that showed its URL and ended may be tried again; one that never got so far fails the next time too. */
function concludeWithout(shown: boolean, lastLine: string): LoginOutcome {
  if (shown) return { kind: 'gave-up', reason: lastLine === '' ? 'cloudflared ended without saying why' : lastLine };
  throw new SupervisorError('LOGIN_FAILED', `cloudflared ended without giving a login URL${lastLine === '' ? '' : `: ${lastLine}`}`);
}

async function makeHome(home: string): Promise<void> {
  try {
    await rm(home, { recursive: true, force: true });
    await mkdir(dirname(home), { recursive: true, mode: 0o700 });
    await mkdir(home, { mode: 0o700 });
  } catch (error) {
    throw toStorageError(error, home, 'make');
  }
}

/** Its end, or a whole certificate with the program hanging on. Rejects with the reason of the signal. */
async function untilEnded(program: WatchedProgram, signal: AbortSignal, clock: Clock, certificate: string): Promise<void> {
  const over = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: over.signal });
    if (signal.aborted) reject(signal.reason as Error);
  });
  try {
    await Promise.race([program.ended, aborted, untilCertificate(certificate, clock, over.signal)]);
  } finally {
    over.abort();
  }
}

async function untilCertificate(certificate: string, clock: Clock, over: AbortSignal): Promise<void> {
  try {
    while ((await readCertificate(certificate)) === undefined) await clock.sleep(LOOK_MS, over);
    await clock.sleep(AFTER_CERTIFICATE_MS, over);
  } catch (error) {
    if (!over.aborted) throw error;
  }
}

/** Undefined while it is absent, empty or half-written: cloudflared does not write it atomically. */
async function readCertificate(path: string): Promise<Secret | undefined> {
  try {
    const pem = await readRegularText(path);
    return /-----BEGIN ([A-Z ]+)-----[\s\S]*-----END \1-----/.test(pem) ? new Secret(pem) : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toStorageError(error, path, 'read');
  }
}

function homeOf(pid: number): string | undefined {
  try {
    return readEnviron(pid)['HOME'];
  } catch {
    return undefined; // Another user's, or ended.
  }
}
