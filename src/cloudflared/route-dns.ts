import { SupervisorError } from '../core/errors.js';
import type { RouteDns } from '../cloudflare/ports.js';
import { writeFileAtomic } from '../host/atomic-file.js';
import { redact } from '../host/redact.js';
import { runProgram } from '../host/run-program.js';
import type { ProgramResult } from '../host/run-program.js';
import { routeDnsCommand } from './command-lines.js';
import type { Binary } from './find.js';
import { parseLogLine } from './log-line.js';

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

/** Its words are all there is: the code of Cloudflare's answer is in them. */
function refusal(hostname: string, result: ProgramResult): SupervisorError {
  if (result.timedOut) return new SupervisorError('DNS_FAILED', `cloudflared did not route ${hostname} within ${TIMEOUT_MS / 1_000} s.`);
  if (result.startError !== undefined) return new SupervisorError('BINARY_UNUSABLE', `cloudflared cannot be executed: ${result.startError}.`);
  const said = redact(result.stderr.split('\n').map((line) => line.trim()).findLast((line) => line !== '') ?? `exit code ${String(result.exitCode)}`);
  if (/\bcode: 1003\b.*already exists/.test(said)) return new SupervisorError('DNS_CONFLICT', `${hostname} has a DNS record that is not ours.`);
  if (/\b(?:unauthorized|code: (?:9109|10000))\b/i.test(said)) return new SupervisorError('DNS_FORBIDDEN', `The certificate does not let us route ${hostname}: ${said}`);
  return new SupervisorError('DNS_FAILED', `cloudflared could not route ${hostname}: ${said}`);
}
