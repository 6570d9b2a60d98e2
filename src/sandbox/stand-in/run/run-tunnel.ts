import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Server } from 'node:http';

import type { Credentials } from '../account/tunnel-credentials.js';
import type { Context } from '../command-line/context.js';
import type { Config } from '../config/config.js';
import { Failure, messageOf, wrapFailure } from '../failure.js';
import type { RunFaults } from '../faults.js';
import type { Ingress } from '../ingress/parse-ingress.js';
import { reportConfig, showConfig } from '../ingress/show-config.js';
import type { Logger } from '../log/logger.js';
import { Proxy } from '../origins/proxy.js';
import { osArch, VERSION } from '../version.js';
import { chooseIngress } from './choose-ingress.js';
import { chooseTunnel } from './choose-tunnel.js';
import { EdgeAddresses } from './edge-addresses.js';
import { abandonByFault, hangForever, startFaults } from './faults.js';
import { listenForSignals, pause, whenAborted } from './life.js';
import { Metrics } from './metrics.js';
import { startMetricsServer } from './metrics-server.js';
import { Readiness } from './readiness.js';
import { logSettings, readSettings, type RunSettings } from './settings.js';
import { ConnectionSupervisor } from './supervise-connections.js';

const FEATURES = ['allow_remote_config', 'serialized_headers', 'support_datagram_v2', 'support_quic_eof', 'management_logs'];
/** The metrics server of the real program cannot be stopped sooner after its start. */
const MIN_METRICS_LIFE_MS = 500;

/** One run of a tunnel: what it was told, and what it is made of. */
interface Run {
  readonly context: Context;
  readonly config: Config;
  readonly log: Logger;
  readonly faults: RunFaults;
  readonly credentials: Credentials;
  readonly connectorId: string;
  readonly ingress: Ingress;
  readonly settings: RunSettings;
  readonly proxy: Proxy;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Aborts when it is asked to end. */
  readonly graceful: AbortSignal;
  /** Ends it. */
  readonly cut: AbortController;
}

/** `tunnel run`: resolves when it ended as it was asked to. Throws a Failure. */
export async function runTunnel(context: Context, config: Config, log: Logger, faults: RunFaults): Promise<void> {
  startFaults(faults, log);
  if (faults.hang === true) await hangForever();
  const credentials = await chooseTunnel(context, config, log);
  logSettings(context, config, credentials, log);
  const graceful = listenForSignals(log, faults.ignoreSigterm === true);
  const run = prepare(context, config, credentials, log, faults, graceful);
  const metricsServed = serveMetrics(run, await openMetricsServer(run));
  try {
    await connect(run);
  } finally {
    run.cut.abort();
    await metricsServed;
  }
}

function prepare(context: Context, config: Config, credentials: Credentials, log: Logger, faults: RunFaults, graceful: AbortSignal): Run {
  const connectorId = randomUUID();
  log.info(`Generated Connector ID: ${connectorId}`);
  let ingress: Ingress;
  let settings: RunSettings;
  try {
    ingress = chooseIngress(context, config, log);
    settings = readSettings(context, log);
  } catch (error) {
    log.error("Couldn't start tunnel", { error: messageOf(error) });
    throw error;
  }
  const metrics = new Metrics();
  const proxy = Proxy.open(ingress, [...settings.tags, ['ID', connectorId]], metrics, log);
  const cut = new AbortController();
  // Every connection waits for both in several places.
  setMaxListeners(0, graceful, cut.signal);
  return { context, config, log, faults, credentials, connectorId, ingress, settings, proxy, metrics, readiness: new Readiness(), graceful, cut };
}

async function openMetricsServer({ context, config, connectorId, ingress, metrics, readiness, log, faults }: Run): Promise<Server> {
  const shown = faults.config ?? showConfig(ingress, config.warpRouting);
  try {
    return await startMetricsServer({ address: context.text('metrics'), connectorId, readiness, metrics, showConfig: () => shown, log });
  } catch (error) {
    log.error('Error opening metrics server listener', { error: messageOf(error) });
    throw wrapFailure(error, 'Error opening metrics server listener');
  }
}

/** Until the connector is cut, though WebSockets may keep it alive. */
async function serveMetrics({ cut, log }: Run, server: Server): Promise<void> {
  await Promise.all([whenAborted(cut.signal), pause(MIN_METRICS_LIFE_MS)]);
  server.close();
  server.closeIdleConnections();
  log.info('Metrics server stopped');
}

/** Connects, and holds until it is asked to end and has, or cannot begin. What is left after the grace period is cut. */
async function connect(run: Run): Promise<void> {
  const { log, faults, graceful, readiness, cut } = run;
  const entries = run.context.list('edge');
  if (entries.length === 0) throw new Failure('This stand-in knows no edge; name one with --edge.');
  const addresses = await EdgeAddresses.resolve(entries, log);
  if (addresses.available === 0) throw new Failure('failed to resolve any edge address');
  const supervisor = createSupervisor(run, addresses, abandonByFault(faults, readiness));
  await pause(faults.dialAfterMs ?? 0, graceful);
  await endGracefully(supervisor.run(), run);
  run.proxy.close();
  log.info('Tunnel server stopped');
  cut.abort();
}

function createSupervisor({ context, config, log, faults, credentials, connectorId, ingress, settings, proxy, metrics, readiness, graceful, cut }: Run, addresses: EdgeAddresses, abandoned: AbortSignal): ConnectionSupervisor {
  const wanted = context.integer('ha-connections');
  if (wanted > addresses.available) log.info(`You requested ${wanted} HA connections but I can give you at most ${addresses.available}.`);
  return new ConnectionSupervisor(
    {
      credentials,
      connector: { connectorId, version: VERSION, arch: osArch(), features: FEATURES },
      addresses,
      ca: settings.edgeCa,
      configuration: reportConfig(ingress, config.warpRouting, settings.reportedFlags),
      retries: context.integer('retries'),
      retryScale: faults.retryScale ?? 1,
      gracePeriodMs: settings.gracePeriodMs,
      onRequest: (connIndex, request) => proxy.serve(connIndex, request),
      cutRequests: () => proxy.cutPlainRequests(),
      metrics,
      readiness,
      life: { graceful, cut: cut.signal },
      abandoned,
      log,
    },
    Math.min(wanted, addresses.available),
  );
}

async function endGracefully(running: Promise<void>, { graceful, settings, log, cut }: Run): Promise<void> {
  try {
    await Promise.race([running, whenAborted(graceful)]);
    if (graceful.aborted && settings.gracePeriodMs > 0) await Promise.race([running, pause(settings.gracePeriodMs, cut.signal)]);
    cut.abort();
    await running;
  } catch (error) {
    cut.abort();
    // Who asked it to end is not told of what did not work before.
    if (graceful.aborted) return;
    log.error('Initiating shutdown', { error: messageOf(error) });
    throw error;
  }
}
