import { reconcile } from '../devices/reconcile.js';
import type { ChangeOptions } from '../forwarding/change.js';
import { storedRules } from '../forwarding/rules-edit.js';
import { viewRules } from '../forwarding/views.js';
import { openAnswersLog } from '../portacode/answers-log.js';
import { createExpose, type Expose } from '../portacode/expose.js';
import { createFollow, type FollowStream } from '../portacode/follow.js';
import type { JsonObject } from '../portacode/json.js';
import { createPct } from '../portacode/pct.js';
import { IN_REQUEST, parseExposedPorts } from '../portacode/parse-ports.js';
import type { ChangeWish, Devices, Forwarding, PortacodePorts, TunnelSetup } from '../portacode/ports.js';
import { createService } from '../portacode/service.js';
import { SetupAskers } from '../portacode/setup-askers.js';
import type { LoginUrl } from '../portacode/setup-tunnel.js';
import type { AnswerOf } from '../api/answers.js';
import type { ParsedRequest } from '../api/requests.js';
import type { Parts } from './assemble.js';
import { requireDeviceId } from './device-parts.js';
import type { EventLog } from './event-log.js';
import type { State } from './open-state.js';
import type { ProcessContext } from './process-context.js';

export interface PortacodePart {
  /** One command in; its events as they come. Resolves when all was said. */
  handle(command: ParsedRequest<'portacode'>, stream: FollowStream): Promise<void>;
  /** The same as the command, for the control API. */
  expose(request: ParsedRequest<'exposePorts'>): Promise<AnswerOf<'exposePorts'>>;
  /** Writes the last word into the tunnel's state file. */
  close(): Promise<void>;
}

export interface PortacodeGiven {
  readonly context: ProcessContext;
  readonly parts: Parts;
  readonly state: State;
  readonly log: EventLog;
  /** What a killed daemon left is being gone on with. */
  readonly recovered: Promise<void>;
  /** Resolves when a setup may begin. */
  readonly beforeSetup: () => Promise<void>;
  readonly stopping: AbortSignal;
}

export function createPortacodePart(given: PortacodeGiven): PortacodePart {
  const { context, parts, state, log, stopping } = given;
  const { clock, logger, places, environment } = context;
  const taken = takenIn(given);
  const tunnelFile = async (): Promise<JsonObject> => {
    await taken;
    await parts.stateFiles.refreshTunnel().catch((error: unknown) => logger.warn({ error }, 'the state file of the tunnel could not be written'));
    return parts.stateFiles.readTunnel().catch((error: unknown) => {
      logger.warn({ error }, 'the state file of the tunnel could not be read');
      return {};
    });
  };
  const ports: PortacodePorts = {
    tunnel: state.tunnel,
    forwarding: toForwarding(parts, state),
    setup: toSetup(parts, given.beforeSetup),
    devices: toDevices(parts, context, stopping),
    tunnelFile,
  };
  const madeAt = (revision: number): string | undefined => {
    const current = state.revisions.current();
    return current?.revision === revision ? current.createdAt : undefined;
  };
  const askers = new SetupAskers(places.paths.setupAsker);
  const follow = createFollow({ log, askers, connectors: () => parts.connectors.status(), tunnel: state.tunnel, madeAt, tunnelFile, clock, stopping });
  const expose = createExpose(ports, createPct({ env: environment }));
  const onLogin = (listener: (login: LoginUrl) => void): (() => void) =>
    log.subscribe((event) => {
      if (event.type === 'login.url-issued') listener(event.data);
    });
  const serve = createService({ ports, askers, onLogin, expose }, openAnswersLog({ path: places.paths.answersLog, clock }));
  keepTunnelFileCurrent(given);
  void forgetEnded(given, askers).catch((error: unknown) => logger.warn({ error }, 'it could not be seen whether a setup is under way'));

  return {
    handle: ({ cmd, ...rest }, stream) => (cmd === 'follow' ? follow(stream, readSince(rest['since'])) : serve({ cmd, ...rest }, stream)),
    expose: (request) => exposePorts(request, expose),
    close: async () => {
      await parts.stateFiles.refreshTunnel().catch((error: unknown) => logger.warn({ error }, 'the state file of the tunnel could not be written'));
    },
  };
}

/** A setup that ended in the very moment of a kill is not gone on with, and nobody waits for it. */
async function forgetEnded({ recovered, state, parts }: PortacodeGiven, askers: SetupAskers): Promise<void> {
  await recovered;
  const isUnderWay = (await state.journals.unfinished()).some(({ header }) => header.kind === 'setup') || ['running', 'waiting'].includes(parts.setup.status().state);
  if (!isUnderWay) askers.forget();
}

/** What somebody wrote into the files while nobody looked was looked at: before that they are not written. */
const takenIn = ({ recovered }: PortacodeGiven): Promise<void> => recovered.catch(() => undefined);

/** Changes of one moment are written together: while a connector replaces another, nothing that is shown changes. */
const SETTLE_MS = 300;

function keepTunnelFileCurrent(given: PortacodeGiven): void {
  const { context, parts, log, stopping } = given;
  const { clock, logger } = context;
  let isDue = false;
  const refresh = async (): Promise<void> => {
    await clock.sleep(SETTLE_MS, stopping);
    await takenIn(given);
    isDue = false;
    await parts.stateFiles.refreshTunnel();
  };
  log.subscribe(({ type }) => {
    if (isDue || !/^(?:connector|setup|login|tunnel|forwarding)\./.test(type) || type === 'forwarding.progressed') return;
    isDue = true;
    refresh().catch((error: unknown) => {
      if (!stopping.aborted) logger.warn({ error }, 'the state file of the tunnel could not be written');
    });
  });
}

function toForwarding({ writer, cloudflare }: Parts, state: State): Forwarding {
  const options = ({ takeover, dryRun }: ChangeWish): ChangeOptions => ({
    reason: 'portacode',
    ...(takeover === undefined ? {} : { takeover }),
    ...(dryRun === undefined ? {} : { dryRun }),
  });
  return {
    current: () => {
      const current = state.revisions.current();
      return { stored: storedRules(current), views: viewRules(current, cloudflare.dns), at: current?.createdAt };
    },
    edit: async (edit, wish) => writer.submit({ kind: 'edit', edit }, options(wish)),
    refresh: async (wish) => writer.submit({ kind: 'refresh' }, options(wish)),
  };
}

function toSetup({ setup }: Parts, beforeSetup: () => Promise<void>): TunnelSetup {
  return {
    start: async (wish) => {
      await beforeSetup();
      const { joined, outcome } = setup.start(wish);
      return { joined, outcome: outcome.then(({ tunnel, warnings }) => ({ domain: tunnel.domain, warnings })) };
    },
    cancel: () => setup.cancel(),
    status: () => setup.status(),
  };
}

function toDevices({ devices, devicePublishing }: Parts, { clock }: ProcessContext, stopping: AbortSignal): Devices {
  return {
    findVmid: (deviceId) => devices.directory.findVmid(deviceId),
    reconcile: async (deviceId, attempts, pauseMs) => {
      const { changed } = await reconcile({ directory: devices.directory, publishing: devicePublishing, clock }, { deviceId, attempts, pauseMs, signal: stopping });
      return changed;
    },
  };
}

async function exposePorts({ id, ports, takeover, dryRun }: ParsedRequest<'exposePorts'>, expose: Expose): Promise<AnswerOf<'exposePorts'>> {
  const answer = await expose({
    deviceId: requireDeviceId(id, 'id'),
    specs: parseExposedPorts(ports, IN_REQUEST),
    ...(takeover === undefined ? {} : { takeover }),
    ...(dryRun === undefined ? {} : { dryRun }),
  });
  const { deviceId, exposed, domain: _domain, plan, ...change } = answer;
  return { ...change, plan: plan?.map((step) => ({ ...step })) ?? null, device: deviceId, exposedPorts: exposed.map((port) => ({ ...port })) };
}

/** A number that is none is as good as none: then it begins now. */
const readSince = (value: unknown): number | undefined => (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined);
