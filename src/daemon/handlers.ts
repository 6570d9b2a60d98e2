import type { AnswerOf } from '../api/answers.js';
import { SupervisorError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { Status } from '../core/status.js';
import type { ChangeOptions, ChangeOutcome, ChangeRequest } from '../forwarding/change.js';
import { reconcile } from '../devices/reconcile.js';
import { addRule, removeRule, storedRules } from '../forwarding/rules-edit.js';
import { disconnect } from '../setup/disconnect.js';
import type { SetupParameters } from '../setup/parameters.js';
import type { CallContext, Handlers } from './calls.js';
import type { Parts } from './assemble.js';
import { ofDevice, requireDeviceId } from './device-parts.js';
import type { EventLog } from './event-log.js';
import { importTunnel } from './import-tunnel.js';
import { renderMetrics } from './metrics.js';
import type { State } from './open-state.js';
import type { PortacodePart } from './portacode-parts.js';
import type { ProcessContext } from './process-context.js';
import type { Recovery } from './recover.js';
import { streamEvents } from './stream-events.js';

export interface HandlerParts {
  readonly context: ProcessContext;
  readonly parts: Parts;
  readonly state: State;
  readonly log: EventLog;
  readonly portacode: PortacodePart;
  readonly recovery: Recovery;
  readonly status: () => Status;
  readonly startedAtMs: number;
  /** Streams end. */
  readonly stopping: AbortSignal;
  /** Asks for the end of the daemon; does not wait for it. */
  readonly requestStop: (handover: boolean) => void;
}

/** What was left of a setup is looked at before another one begins; that waits for Cloudflare, if it must, but not for ever. */
const SETTLING_MS = 10_000;

/** The calls of the control API, carried out by the parts. */
export function createHandlers(given: HandlerParts): Handlers {
  const { context, parts, state, log, portacode, status } = given;
  const { writer, setup } = parts;

  const change = async (request: ChangeRequest, reason: string, asked: Pick<ChangeOptions, 'takeover' | 'dryRun'>, { ifMatch }: CallContext): Promise<AnswerOf<'replaceForwarding'>> =>
    toChangeAnswer(await writer.submit(request, {
      reason,
      ...(asked.takeover === undefined ? {} : { takeover: asked.takeover }),
      ...(asked.dryRun === undefined ? {} : { dryRun: asked.dryRun }),
      ...(ifMatch === undefined ? {} : { ifRevision: ifMatch }),
    }));

  return {
    status: () => Promise.resolve(status()),
    events: ({ since }, writer) => streamEvents(writer, since, { log, status, clock: context.clock, stopping: given.stopping }),
    logs: (request, writer) => parts.connectorLogs.stream(request, writer, given.stopping),
    metrics: () => Promise.resolve(renderMetrics(status(), { newestSeq: log.newestSeq(), residentBytes: process.memoryUsage.rss(), startedAtMs: given.startedAtMs })),

    startSetup: async (request) => {
      await settleBefore(given.recovery, context);
      const seq = log.newestSeq();
      const { joined } = setup.start(toSetupParameters(request));
      const now = setup.status();
      return { setup: joined ? now : { ...now, state: 'running', loginUrl: null, expiresAt: null, message: null }, joined, seq };
    },
    cancelSetup: async () => ({ cancelled: await setup.cancel(), setup: setup.status() }),

    importTunnel: async (request) => {
      await settleBefore(given.recovery, context);
      return importTunnel(request, { setup, state, views: () => status().rules });
    },

    readForwarding: () => {
      const current = state.revisions.current();
      return Promise.resolve({ revision: current?.revision ?? 0, ...storedRules(current), views: status().rules });
    },
    replaceForwarding: ({ rules, ...asked }, call) => change({ kind: 'replace', rules }, 'user', asked, call),
    addRule: ({ takeover, dryRun, replace = true, ...rule }, call) => change({ kind: 'edit', edit: addRule(rule, { replace }) }, 'user', { ...(takeover === undefined ? {} : { takeover }), ...(dryRun === undefined ? {} : { dryRun }) }, call),
    removeRule: ({ dryRun, ...target }, call) => change({ kind: 'edit', edit: removeRule(target) }, 'user', dryRun === undefined ? {} : { dryRun }, call),
    rollback: ({ revision, ...asked }, call) => change({ kind: 'rollback', ...(revision === undefined ? {} : { revision }) }, 'rollback', asked, call),
    listRevisions: async () => {
      const current = state.revisions.current()?.revision;
      const revisions = (await state.revisions.list()).toSorted((a, b) => b.revision - a.revision);
      return { revisions: revisions.map(({ revision, createdAt, reason, domain, rules }) => ({ revision, createdAt, reason, domain, rules: rules.length, current: revision === current })) };
    },
    reconcile: async ({ device }) => {
      const deviceId = device === undefined ? undefined : requireDeviceId(device, 'device');
      const { changed, revision, rules, warnings } = await reconcile({ directory: parts.devices.directory, publishing: parts.devicePublishing, clock: context.clock }, { deviceId, signal: given.stopping });
      return { changed, revision, rules: deviceId === undefined ? rules : ofDevice(rules, deviceId), warnings };
    },
    disconnect: async ({ dryRun = false }) => {
      if (dryRun) return toDisconnectAnswer(await disconnect(parts.disconnect, { dryRun, interrupt: given.stopping }));
      await setup.cancel();
      return toDisconnectAnswer(await writer.runExclusive((interrupt) => disconnect(parts.disconnect, { dryRun, interrupt })));
    },

    exposePorts: (request) => portacode.expose(request),
    portacode: async (command, stream) => {
      const served = portacode.handle(command, { send: (event) => stream.write(event), gone: stream.gone, drained: () => stream.drained(), cutOff: () => stream.cutOff() });
      // Taken in: who sends one command after another may send the next.
      stream.begin();
      await served;
      stream.end();
    },

    upgrade: (request) => parts.upgrader.upgrade(request, given.stopping),

    stopDaemon: ({ handover = false }) => {
      given.requestStop(handover);
      return Promise.resolve({ stopping: true, handover, pid: process.pid });
    },
  };
}

export async function settleBefore({ settled }: Recovery, { clock }: ProcessContext): Promise<void> {
  const inTime = new AbortController();
  const late = clock.sleep(SETTLING_MS, inTime.signal).then(
    () => true,
    () => false,
  );
  const isLate = await Promise.race([settled.then(() => false), late]).finally(() => inTime.abort());
  if (isLate) throw new SupervisorError('DAEMON_BUSY', 'The daemon is still finishing what an earlier one had begun', { hint: 'See `status`; try again in a moment.' });
}

type SetupRequest = Parameters<Handlers['startSetup']>[0];

function toSetupParameters({ timeout, cert, ...rest }: SetupRequest): SetupParameters {
  return { ...rest, ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }), ...(cert === undefined ? {} : { certificate: new Secret(cert) }) };
}

const toChangeAnswer = ({ plan, ...outcome }: ChangeOutcome): AnswerOf<'replaceForwarding'> => ({ ...outcome, plan: plan?.map((step) => ({ ...step })) ?? null });

const toDisconnectAnswer = ({ plan, ...outcome }: Awaited<ReturnType<typeof disconnect>>): AnswerOf<'disconnect'> => ({ ...outcome, plan: plan.map((step) => ({ ...step })) });
