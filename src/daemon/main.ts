import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import type { Server } from 'node:http';
import { systemClock, toIso } from '../core/clock.js';
import { SupervisorError, toSupervisorError } from '../core/errors.js';
import type { EventData } from '../core/events.js';
import { followDevices } from '../devices/follow.js';
import { becomeUser } from '../host/as-user.js';
import { createBaseDirectory } from '../host/base-directory.js';
import { ensureCaBundle } from '../host/ca-bundle.js';
import { childEnvironment } from '../host/child-environment.js';
import { descriptorLimit } from '../host/descriptor-limit.js';
import { resolveIdentity, worksForRoot, type Identity } from '../host/identity.js';
import { acquireLock } from '../host/lock.js';
import { createLogger } from '../host/logging.js';
import { keepOwnXdg } from '../host/own-xdg.js';
import { builtFile } from '../host/package-files.js';
import { packageVersion } from '../host/package-version.js';
import { decidePlaces, recordPlaces, type Places } from '../host/places.js';
import { createRedactor } from '../host/redact.js';
import { clearObstacles } from '../state/clear-obstacles.js';
import { openEventStore } from '../state/event-store.js';
import { assembleParts } from './assemble.js';
import { attend, NO_ATTENTION } from './attention.js';
import { collectWhenIdle } from './collect-when-idle.js';
import { createControlServer } from './control-server.js';
import { createEventLog, type EventLog } from './event-log.js';
import { createHandlers, settleBefore } from './handlers.js';
import { listenOnSocket } from './listen-socket.js';
import { logEvent } from './log-lines.js';
import { createSystemdNotifier } from './notify-systemd.js';
import { openState } from './open-state.js';
import type { RunOptions } from './options.js';
import { boundOwnLog } from './own-log.js';
import { createPortacodePart } from './portacode-parts.js';
import type { DaemonExtras } from './ports.js';
import type { ProcessContext } from './process-context.js';
import { recoverAtStart } from './recover.js';
import { projectStatus } from './status.js';
import { createStopRequest, stopParts, type StopRequest } from './stop.js';
import { watchDrift } from './watch-drift.js';

/**
 * The daemon: becomes the service user, takes the lock, opens what is on disk, serves the socket, takes over what runs
 * and finishes what was begun, and then does what it is asked until it is told to stop, which it may be before it serves
 * (`interrupted`: before it was called). Resolves with the exit code.
 * @throws SupervisorError where it cannot begin; nothing that ran is touched then.
 */
export async function runDaemon(options: RunOptions, extras: DaemonExtras = {}, interrupted?: AbortSignal): Promise<number> {
  const stop = createStopRequest(interrupted);
  process.umask(0o077);
  const identity = chooseIdentity(options);
  becomeUser(identity);
  requireReadable(identity);
  const places = decidePlaces({ identity, options, env: keepOwnXdg(process.env, identity.uid) });
  await createBaseDirectory(places.paths, identity);
  const startedAt = toIso(systemClock.now());
  const lock = acquireLock(places.paths.lock, { command: 'cloudflared-supervisor run', since: startedAt });
  try {
    const cleared = await clearObstacles(places.paths, systemClock);
    await recordPlaces(places);
    const context = await createContext(options, identity, places);
    if (stop.isAsked()) return (await stop.asked).exitCode;
    return await serve(context, extras, stop, startedAt, cleared);
  } finally {
    lock.release();
  }
}

function chooseIdentity({ user, baseDir, stateDir }: RunOptions): Identity {
  return resolveIdentity({ user, env: process.env, directoriesGiven: baseDir !== undefined && stateDir !== undefined });
}

/** Much of this program is loaded when it is needed, by the user whom we have become: better refused now than then. */
function requireReadable({ name }: Identity): void {
  const program = builtFile('daemon/main');
  try {
    accessSync(program, constants.R_OK);
  } catch (error) {
    throw new SupervisorError('STORAGE_FORBIDDEN', `${name} cannot read this program (${program})`, { cause: error, hint: 'Install the package where the service user can read it.' });
  }
}

async function createContext(options: RunOptions, identity: Identity, places: Places): Promise<ProcessContext> {
  const environment = process.env;
  const redactor = createRedactor();
  const logger = await createLogger({ level: options.logLevel ?? 'info', redactor });
  const { environment: childExtra } = await ensureCaBundle({ env: environment }, places.paths.caBundle);
  return {
    options, identity, places, environment, logger, redactor, childExtra,
    childEnvironment: childEnvironment({ env: environment, home: identity.home ?? places.baseDir, extra: childExtra }),
    version: packageVersion(),
    clock: systemClock,
    random: Math.random,
  };
}

async function serve(context: ProcessContext, extras: DaemonExtras, stop: StopRequest, startedAt: string, cleared: readonly EventData['document.restored'][]): Promise<number> {
  const { places, logger, clock, version, identity } = context;
  dieLoudly(logger);
  boundOwnLog(places.paths.daemonLog, logger);
  const store = openEventStore({ path: places.paths.eventsLog });
  const log = createEventLog(store, clock, (fault) => logger.error({ error: toSupervisorError(fault).toBody() }, 'an event was not taken in'));
  let happened = NO_ATTENTION;
  log.subscribe((event) => {
    happened = attend(happened, event);
    logEvent(logger, event);
  });
  log.subscribe(collectWhenIdle());
  for (const found of cleared) log.emit('document.restored', found);

  const state = await openState(places.paths, log.emit, clock);
  const parts = assembleParts(context, log, state, extras);
  const recovery = recoverAtStart(parts, state, log.emit);
  const status = () =>
    projectStatus({
      daemon: { pid: process.pid, version, startedAt, user: identity.name, baseDir: places.baseDir, stateDir: places.stateDir, socket: places.socket, cloudflared: parts.binary.last() ?? null },
      tunnel: state.tunnel(),
      current: state.revisions.current(),
      connectors: parts.connectors.status(),
      setup: parts.setup.status(),
      ledger: state.ledger.list(),
      dnsStateOf: (name) => parts.cloudflare.dns.stateOf(name),
      connectorAttention: parts.connectors.attention(),
      happened: [...happened.values()],
    });
  const streamsEnd = new AbortController();
  const portacode = createPortacodePart({ context, parts, state, log, recovered: recovery.settled, beforeSetup: () => settleBefore(recovery, context), stopping: streamsEnd.signal });
  const handlers = createHandlers({ context, parts, state, log, portacode, recovery, status, startedAtMs: Date.parse(startedAt), stopping: streamsEnd.signal, requestStop: stop.ask });
  const server = createControlServer({ handlers, descriptorLimit: descriptorLimit(), onFault: (error) => logger.error({ error: error.cause ?? error }, 'a call failed for a reason that nobody foresaw') });
  const notifier = createSystemdNotifier(context.environment, logger);
  try {
    await listenOnSocket(server, places.socket);
  } catch (error) {
    parts.connectors.handover();
    throw error;
  }

  announce(log, { socket: places.socket, pid: process.pid, version });
  if (worksForRoot(identity)) log.emit('daemon.warned', { code: 'RUNS_AS_ROOT', message: 'The daemon works for root. Name a service user with --user where root is not needed.' });
  void notifier.ready(() => true);
  const watching = recovery.settled.then(
    () => Promise.all([
      watchDrift({ dns: parts.cloudflare.dns, tunnel: state.tunnel, onChecked: () => state.retired.prune(), clock, random: context.random, logger }, streamsEnd.signal),
      followDevices({
        directory: parts.devices.directory, publishing: parts.devicePublishing, leaseFile: parts.devices.leaseFile.path, clock, random: context.random, logger,
        onPublished: (listener) => log.subscribe(({ type }) => {
          if (type === 'forwarding.applied') listener();
        }),
      }, streamsEnd.signal),
    ]),
    (error: unknown) => stop.fail(toSupervisorError(error)),
  );

  const { handover, failure, exitCode } = await stop.asked;
  log.emit('daemon.stopping', { handover });
  void notifier.stopping();
  await stopParts(parts, { handover, hurry: stop.hurry, clock });
  streamsEnd.abort(new SupervisorError('DAEMON_STOPPING', 'The daemon is stopping'));
  await watching;
  await closeServer(server);
  await parts.cloudflare.close();
  await parts.devices.close();
  if (!handover) await portacode.close();
  store.close();
  if (failure !== undefined) throw failure;
  return exitCode;
}

/** What `up`, init systems and tests wait for: the one line on standard output. */
function announce(log: EventLog, ready: { readonly socket: string; readonly pid: number; readonly version: string }): void {
  // Whoever waited for the line may be gone; that is no reason to end.
  process.stdout.on('error', () => undefined);
  process.stdout.write(`${JSON.stringify({ event: 'daemon.ready', ...ready })}\n`);
  log.emit('daemon.ready', ready);
}

/** How long clients get to read their last answer. */
const LAST_ANSWERS_MS = 500;

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
  await closed;
  clearTimeout(late);
}

/** A fault of ours ends the process, with its reason in the log and no secret in it; the connectors serve on, and the next start takes them over. */
function dieLoudly(logger: ProcessContext['logger']): void {
  const die = (error: unknown): void => {
    logger.fatal({ error: error instanceof SupervisorError ? error.toBody() : error }, 'the daemon ends for a reason that nobody foresaw');
    process.exit(1);
  };
  process.once('uncaughtException', die);
  process.once('unhandledRejection', die);
}
