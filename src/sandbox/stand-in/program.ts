import { stdout } from 'node:process';

import type { Context } from './command-line/context.js';
import { program, type Action } from './command-line/commands.js';
import { resolve } from './command-line/resolve.js';
import { loadConfig } from './config/load-config.js';
import { Failure, UsageFailure } from './failure.js';
import { countStart, readFaults, type Faults } from './faults.js';
import { createLogger } from './log/create-logger.js';
import { VERSION, versionText } from './version.js';

const NOTHING_TO_DO = [
  'You did not specify any valid additional argument to the cloudflared tunnel command.',
  '',
  'This stand-in runs named tunnels only: cloudflared tunnel run <tunnel>.',
  '',
].join('\n');

/** Fails where the fault says so. */
function failByFault(fault: { readonly exitCode?: number; readonly message?: string } | undefined): void {
  if (fault?.exitCode !== undefined) throw new Failure(fault.message ?? '', fault.exitCode);
}

function printVersion(context: Context, faults: Faults): void {
  const text = versionText(faults.version ?? VERSION);
  stdout.write(context.isOn('short') ? `${text.split(' ')[0] ?? ''}\n` : `cloudflared version ${text}\n`);
}

/** Each action is loaded when it is wanted: `--version` needs none of them. */
async function act(action: Exclude<Action, 'help' | 'absent'>, context: Context, executable: string | undefined, faults: Faults): Promise<void> {
  if (action === 'version') {
    printVersion(context, faults);
    return;
  }
  // Read while the configuration is: it is by far the largest part.
  const runModule = action === 'run' ? import('./run/run-tunnel.js') : undefined;
  const config = await loadConfig(context, createLogger(context));
  const log = createLogger(context);
  switch (action) {
    case 'tunnel':
      throw new Failure(config.tunnel === '' ? NOTHING_TO_DO : `use \`cloudflared tunnel run\` to start tunnel ${config.tunnel}`);
    case 'login': {
      failByFault(faults.login);
      if (faults.login.hang === true) await (await import('./run/faults.js')).hangForever();
      return (await import('./account/login.js')).login(context, log, faults.login);
    }
    case 'route-dns':
      failByFault(faults.routeDns);
      return (await import('./account/route-dns.js')).routeDns(context, log);
    case 'ingress-validate':
      return (await import('./ingress/commands.js')).validateIngress(context, config);
    case 'ingress-rule':
      return (await import('./ingress/commands.js')).testRule(context, config);
    case 'run':
      return (await (runModule ?? import('./run/run-tunnel.js'))).runTunnel(context, config, log, countStart(executable, faults.run));
  }
}

/** Does what the arguments say. `executable` is the file that was started, where install.ts wrote it. Throws a Failure. */
export async function runProgram(args: readonly string[], executable: string | undefined): Promise<void> {
  const faults = readFaults(executable);
  failByFault(faults.unusable);
  const invocation = resolve(program(), args);
  switch (invocation.kind) {
    case 'print':
      stdout.write(invocation.text);
      return undefined;
    case 'absent':
      throw new Failure(`${invocation.path.join(' ')}: the stand-in has no such command; use a real cloudflared.`);
    case 'act':
      try {
        return await act(invocation.action, invocation.context, executable, faults);
      } catch (error) {
        if (!(error instanceof UsageFailure)) throw error;
        throw new Failure(`${error.message}\nSee 'cloudflared ${invocation.context.fullName} --help'.`, error.exitCode);
      }
  }
}
