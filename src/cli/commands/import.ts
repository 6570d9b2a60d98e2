import { readlinkSync } from 'node:fs';
import { systemClock } from '../../core/clock.js';
import { SupervisorError, toSupervisorError } from '../../core/errors.js';
import { findSystemProgram } from '../../host/system-program.js';
import { detectInitSystem } from '../../host/init-system.js';
import { chooseCandidate, refuseUnready, toAdoptionRequest } from '../../import/adopt.js';
import { carryOutRetirement } from '../../import/carry-out-retirement.js';
import { decide } from '../../import/decide/decide.js';
import { findRestarted } from '../../import/find-restarted.js';
import type { Candidate, TunnelReport } from '../../import/report.js';
import { describeLost, planRetirement, type Retirement } from '../../import/retire.js';
import { surveyMachine } from '../../import/survey/survey.js';
import { runForUser } from '../../service/carry-out.js';
import type { CommandContext, RunCommand } from '../command.js';
import { printImported, printReport, printRetired, printRetirementPlan, printStillThere } from '../import-printer.js';
import { whoServes } from '../start-daemon.js';

export const run: RunCommand = async (context) => {
  const { options, output } = context;
  output.progress('Looking …');
  const decision = await lookAround(context);
  output.value({ report: decision.report });
  printReport(context, decision.report);
  if (!options.flag('apply') && !options.flag('retire-old')) return 0;
  const candidate = chooseCandidate(decision, options.text('tunnel'));
  if (options.flag('dry-run')) {
    if (options.flag('apply')) refuseUnready(candidate);
    if (options.flag('retire-old')) printRetirementPlan(context, planFor(candidate.report), await findLost(context, candidate.report));
    return 0;
  }
  if (options.flag('apply')) await takeOver(context, candidate);
  if (options.flag('retire-old')) return await retireOld(context, candidate.report);
  printStillThere(context, candidate.report);
  return 0;
};

async function lookAround(context: CommandContext) {
  const { options, environment } = context;
  const { stateDir } = await context.places();
  // What is here does not depend on a daemon, whatever is wrong with it.
  const status = await whoServes(await context.client(), context.signal).catch(() => undefined);
  const { findings, certificates, rights } = await surveyMachine({ root: '/', user: context.identity(), stateDir, env: environment });
  return await decide(
    findings,
    { hosts: options.list('host') ?? [], skip: options.list('skip') ?? [], domain: options.text('domain'), withoutCertificate: options.flag('without-certificate') },
    { rights, certificates, installedTunnelId: status?.tunnel?.id },
  );
}

async function takeOver(context: CommandContext, candidate: Candidate): Promise<void> {
  const { options, output, signal } = context;
  refuseUnready(candidate);
  output.progress('Starting a connector beside the old one …');
  const client = await context.client();
  const request = toAdoptionRequest(candidate, { takeover: options.flag('takeover') });
  const imported = await client.importTunnel({ ...request, connectors: { ...request.connectors, ids: [...request.connectors.ids] }, rules: request.rules.map(({ originRequest, ...rule }) => ({ ...rule, ...(originRequest === undefined ? {} : { originRequest: { ...originRequest } }) })) }, { signal }).catch((thrown: unknown) => {
    throw explain(thrown);
  });
  output.value({ imported });
  printImported(context, imported);
}

/** The hint of an error that has to do with single rules says how to go on without them. */
function explain(thrown: unknown): SupervisorError {
  const error = toSupervisorError(thrown);
  if (error.code !== 'FORWARDING_INVALID' && error.code !== 'DNS_CONFLICT') return error;
  const more = error.code === 'DNS_CONFLICT' ? ', or replace the records with --takeover' : '';
  return new SupervisorError(error.code, error.message, { hint: `Leave these rules out with --skip NAME${more}.`, problems: error.problems, cause: error });
}

/** Only while ours serves this very tunnel. */
async function retireOld(context: CommandContext, report: TunnelReport): Promise<number> {
  const { output, environment, signal } = context;
  await needReady(context, report);
  const plan = planFor(report);
  const lost = await findLost(context, report);
  output.progress('Stopping the old connector; requests in flight finish …');
  const identity = context.identity();
  const { ended, draining } = await carryOutRetirement(plan, {
    env: environment,
    runAsOwner: async (argv, timeoutMs) => {
      const { exitCode, stderr } = await runForUser(identity, argv, timeoutMs);
      if (exitCode !== 0) throw new SupervisorError('SERVICE_FAILED', `\`${argv.join(' ')}\` failed: ${stderr.trim().split('\n').at(-1) ?? ''}`);
    },
  });
  // Whoever keeps a process without an init system takes a moment to start it again.
  if (report.processes.some(({ service, parent }) => service === null && parent !== null)) await systemClock.sleep(RESTART_WATCH_MS, signal);
  const restarted = findRestarted(plan.processes);
  const undo = plan.steps.flatMap((step) => step.undo);
  const warnings = [
    ...lost.map((message) => ({ code: 'OLD_RULE_LOST', message })),
    ...plan.left.map((message) => ({ code: 'OLD_CONNECTOR_LEFT', message })),
    ...draining.map((pid) => ({ code: 'OLD_CONNECTOR_DRAINING', message: `Process ${String(pid)} was told to stop, and has not ended yet.` })),
    ...restarted.map((pid) => ({ code: 'OLD_CONNECTOR_RESTARTED', message: `Somebody started the old connector again, as process ${String(pid)}: stop whoever keeps it.` })),
  ];
  output.value({ retired: { steps: plan.steps.map(({ undo: _later, ...step }) => step), ended, draining, restarted, undo, warnings } });
  output.warn(warnings);
  printRetired(context, undo, restarted.length > 0);
  return restarted.length > 0 ? 1 : 0;
}

/** The rules of a machine without a daemon are those that would be taken over. */
const findLost = async (context: CommandContext, report: TunnelReport): Promise<readonly string[]> =>
  describeLost(report, (await whoServes(await context.client(), context.signal))?.rules ?? report.rules.map(({ rule }) => rule));

const planFor = (report: TunnelReport): Retirement => planRetirement(report, readLink, findProgram, process.geteuid?.() === 0 ? '' : 'sudo ');

const RESTART_WATCH_MS = 1_500;

async function needReady(context: CommandContext, { id, name }: TunnelReport): Promise<void> {
  const { tunnel, connectors } = await (await context.client()).status({ signal: context.signal });
  const hint = 'Take it over first: `import --apply`.';
  if (tunnel === null || (tunnel.id !== id && tunnel.name !== name)) throw new SupervisorError('SETUP_REQUIRED', `No connector of ours serves the tunnel ${name ?? id ?? ''}, so that nothing is stopped.`, { hint });
  if (!connectors.some(({ state }) => state === 'ready')) throw new SupervisorError('CONNECTOR_NOT_READY', 'Our connector is not ready now, so that nothing is stopped.');
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // No link any more: the script itself is meant.
  }
}

/** systemctl counts only where systemd runs. */
const findProgram = (name: string): string | undefined => (name === 'systemctl' && detectInitSystem() !== 'systemd' ? undefined : findSystemProgram(name));
