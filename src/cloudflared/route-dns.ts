import { SupervisorError } from '../core/errors.js';
import type { RouteDns } from '../cloudflare/ports.js';
import { writeFileAtomic } from '../host/atomic-file.js';
import { redact } from '../host/redact.js';
import { runProgram } from '../host/run-program.js';
import type { ProgramResult } from '../host/run-program.js';
import { routeDnsCommand } from './command-lines.js';
import type { Binary } from './find.js';
import { parseLogLine } from './log-line.js';
import { readRefusal } from './route-refusal.js';

export interface RouteDnsOptions {
  readonly binary: () => Promise<Binary>;
  /** Where a file that holds `{}` is put. */
  readonly noConfig: string;
  readonly originCert: string;
  readonly apiUrl: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** cloudflared itself gives up after 15 s. */
const TIMEOUT_MS = 30_000;

/** What it logs of a record that it made, found or changed; the name is the server's, which may be another. */
const ROUTED = [
  { form: /^Added CNAME (\S+) which will route to this tunnel/, ledHereBefore: false },
  { form: /^(\S+) is already configured to route to your tunnel/, ledHereBefore: true },
  { form: /^(\S+) updated to route to your tunnel/, ledHereBefore: false },
] as const;

/** DNS records through cloudflared, for certificates whose token may route names but not edit records. */
export function createRouteDns(options: RouteDnsOptions): RouteDns {
  return async (request, signal) => {
    signal.throwIfAborted();
    const { path } = await options.binary();
    await writeFileAtomic(options.noConfig, '{}\n');
    const command = routeDnsCommand({ binary: path, noConfig: options.noConfig, originCert: options.originCert, apiUrl: options.apiUrl, ...request });
    const result = await runProgram(command, { env: options.env, timeoutMs: TIMEOUT_MS, signal });
    const routed = readRouted(result);
    if (routed === undefined) throw refusal(request.hostname, result);
    return routed;
  };
}

/** Exit code 0 alone proves nothing: help is shown with it. */
function readRouted(result: ProgramResult): Awaited<ReturnType<RouteDns>> | undefined {
  if (result.exitCode !== 0) return undefined;
  const messages = result.stderr.split('\n').map((line) => parseLogLine(line, { redact, redactJson: (text) => text }).message);
  for (const message of messages) {
    for (const { form, ledHereBefore } of ROUTED) {
      const name = form.exec(message)?.[1];
      if (name !== undefined) return { hostname: name.toLowerCase(), ledHereBefore };
    }
  }
  return undefined;
}

function refusal(hostname: string, result: ProgramResult): SupervisorError {
  if (result.timedOut) return new SupervisorError('CLOUDFLARE_UNREACHABLE', `cloudflared did not route ${hostname} within ${TIMEOUT_MS / 1_000} s.`);
  if (result.startError !== undefined) return new SupervisorError('BINARY_UNUSABLE', `cloudflared cannot be executed: ${result.startError}.`);
  return readRefusal(hostname, result.stderr.split('\n').map((line) => line.trim()).findLast((line) => line !== '') ?? `exit code ${String(result.exitCode)}`);
}
