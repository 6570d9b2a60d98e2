import type { AnswerOf } from '../api/client.js';
import type { RefusedRule } from '../import/decide/rules.js';
import type { ImportReport, ProcessReport, ServiceReport, TunnelReport } from '../import/report.js';
import type { Retirement } from '../import/retire.js';
import { printRules } from './change-printer.js';
import type { CommandContext } from './command.js';

/** What `import` says to people. Every part of it is in the JSON too. */

const VERDICTS: Readonly<Record<TunnelReport['verdict'], string>> = {
  ready: 'can be taken over',
  'in-the-way': 'cannot be taken over as it is',
  remote: 'cannot be taken over: its rules are managed at Cloudflare',
  unknown: 'cannot be taken over: something of it could not be read',
  ours: 'is run here already',
};

export function printReport(context: CommandContext, report: ImportReport): void {
  const { output } = context;
  if (report.tunnels.length === 0 && report.unknown.length === 0 && report.quickTunnels.length === 0) output.line('Nothing here runs a tunnel or is set up for one.');
  for (const tunnel of report.tunnels) printTunnel(context, tunnel);
  for (const process of report.quickTunnels) output.line(`A quick tunnel runs as process ${String(process.pid)} of ${process.user}: its name is Cloudflare's and ends with it, so there is nothing to take over.`);
  for (const { what, unreadable } of report.unknown) {
    output.line(`${what}: for which tunnel it is cannot be told.`);
    for (const { message, hint } of unreadable) output.line(`    ${message}. ${hint}`);
  }
}

function printTunnel({ output }: CommandContext, tunnel: TunnelReport): void {
  const { id, name, verdict, domain, certificate } = tunnel;
  const colour = verdict === 'ready' || verdict === 'ours' ? 'green' : 'yellow';
  output.line(`tunnel ${name ?? id ?? ''}${name === null || id === null ? '' : ` (${id})`} ${output.paint(colour, VERDICTS[verdict])}`);
  output.table([
    ['run by', describeRunners(tunnel)],
    ['rules', tunnel.config ?? 'no configuration here'],
    ['credentials', tunnel.credentials ?? 'not found'],
    ['certificate', certificate === null ? 'none for it: DNS would not be managed' : `${certificate.from} (zone ${certificate.zoneId})`],
    ['domain', domain === null ? 'not known: say it with --domain' : `${domain.name} (by ${domain.from})`],
    ['names', tunnel.names.length === 0 ? 'none' : tunnel.names.join(', ')],
  ]);
  if (tunnel.rules.length > 0) {
    output.line(verdict === 'ours' ? '  its rules:' : '  would be taken over:');
    output.table(tunnel.rules.map(({ number, rule }) => [`  #${String(number)}`, rule.hostname + (rule.path ?? ''), '→', rule.destination, rule.originRequest === undefined ? '' : JSON.stringify(rule.originRequest)]));
  }
  if (verdict !== 'ours') printRefused(output, '  would not be taken over:', tunnel.refused);
  printRefused(output, '  left out:', tunnel.skipped);
  if (tunnel.remoteRules.length > 0) {
    output.line('  rules that Cloudflare has for it:');
    output.table(tunnel.remoteRules.map(({ hostname, path, service }) => [`  ${hostname === '' ? '*' : hostname}`, path, '→', service]));
  }
  // Refused rules have been said.
  for (const text of [...tunnel.obstacles.filter((obstacle) => !obstacle.startsWith('Rule #')), ...tunnel.notes]) output.line(`  - ${text}`);
  for (const { message, hint } of tunnel.unreadable) output.line(`  ! ${message}. ${hint}`);
}

function printRefused(output: CommandContext['output'], head: string, rules: readonly RefusedRule[]): void {
  if (rules.length === 0) return;
  output.line(head);
  for (const { number, hostname, path, service, reason } of rules) output.line(`    #${String(number)} ${hostname === '' ? '*' : hostname}${path === '' ? '' : ` ${path}`} → ${service}: ${reason}`);
}

function describeRunners({ services, processes }: TunnelReport): string {
  const bare = processes.filter(({ service }) => service === null);
  const all = [...services.map((service) => describeService(service, processes)), ...bare.map(describeProcess)];
  return all.length === 0 ? 'nobody now' : all.join('; ');
}

function describeService({ name, init, file, enabledBy, running }: ServiceReport, processes: readonly ProcessReport[]): string {
  const process = processes.find(({ service }) => service === name);
  const now = process === undefined ? (running ? 'running' : 'stopped') : `running as process ${String(process.pid)} of ${process.user}`;
  return `${name} of ${init} (${file}), ${now}, ${enabledBy.length > 0 ? 'started at boot' : 'not started at boot'}`;
}

function describeProcess({ pid, user, unit, parent, inContainer, commandLine }: ProcessReport): string {
  const where = inContainer ? ' in a container' : unit === null ? '' : ` in ${unit}`;
  return `process ${String(pid)} of ${user}${where}${parent === null ? '' : `, started by ${parent}`}: ${commandLine}`;
}

export function printImported(context: CommandContext, imported: AnswerOf<'importTunnel'>): void {
  const { output } = context;
  const { outcome, tunnel, dns, rules, warnings, revision } = imported;
  output.warn(warnings);
  if (outcome === 'unchanged') output.line(`The tunnel ${tunnel.name} is run here already, with all of these rules (revision ${String(revision)}).`);
  else output.line(`${output.paint('green', 'done')} ${tunnel.domain} is served by a connector of ours too, through tunnel ${tunnel.name} (revision ${String(revision)}).`);
  printRules(context, rules);
  if (dns === 'unmanaged') output.line('DNS records are not managed: there is no certificate for it. `setup` logs in; until then a new name needs its record by hand.');
}

/** How the old connector would be stopped. */
export function printRetirementPlan({ output }: CommandContext, { steps, left }: Retirement, lost: readonly string[]): void {
  output.value({ plan: steps });
  output.warn([...lost.map((message) => ({ code: 'OLD_RULE_LOST', message })), ...left.map((message) => ({ code: 'OLD_CONNECTOR_LEFT', message }))]);
  output.line('To stop the old connector this would be done, in this order:');
  for (const step of steps) output.line(step.kind === 'run' ? `  as ${step.by}: ${step.argv.join(' ')}` : `  end process ${String(step.pid)}`);
}

export function printStillThere({ output }: CommandContext, { services, processes }: TunnelReport): void {
  if (services.length === 0 && processes.length === 0) return;
  if (processes.length > 0 || services.some(({ running }) => running)) output.line('The old connector serves on beside ours, and is left alone. When you have seen that all is well:  cloudflared-supervisor import --retire-old');
  else if (services.some(({ enabledBy }) => enabledBy.length > 0)) output.line('The old service does not run now, and would start at boot. To keep it from that:  cloudflared-supervisor import --retire-old');
}

/** How it ended, and what brings the old connector back. */
export function printRetired({ output }: CommandContext, undo: readonly string[], isBack: boolean): void {
  if (undo.length === 0) output.line('There is no old connector to stop.');
  else if (isBack) output.line('The old connector was stopped, and runs again: whoever keeps it has to be told. What was done is undone by:');
  else output.line(`${output.paint('green', 'done')} the old connector is stopped and will not come back; nothing of it is deleted. To undo that:`);
  for (const command of undo) output.line(`  ${command}`);
}
