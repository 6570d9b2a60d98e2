import { randomUUID } from 'node:crypto';
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
import { startFaults } from './faults.js';
import { listenForSignals, pause, whenAborted } from './life.js';
import { Metrics } from './metrics.js';
import { startMetricsServer } from './metrics-server.js';
import { Readiness } from './readiness.js';
import { logSettings, readSettings, type RunSettings } from './settings.js';
import { ConnectionSupervisor } from './supervise-connections.js';

const FEATURES = ['allow_remote_config', 'serialized_headers', 'support_datagram_v2', 'support_quic_eof', 'management_logs'];
/** The metrics server of the real program cannot be stopped sooner after its start. */
const MIN_METRICS_LIFE_MS = 500;

interface Connector {
  readonly connectorId: string;
  readonly credentials: Credentials;
  readonly settings: RunSettings;
  readonly ingress: Ingress;
  readonly proxy: Proxy;
}

/** `tunnel run`: resolves when it ended as it was asked to. Throws a Failure. */
export async function runTunnel(context: Context, config: Config, log: Logger, faults: RunFaults): Promise<void> {
  startFaults(faults, log);
  if (faults.hang === true) await new Promise(() => setInterval(() => undefined, 60_000));
  const credentials = await chooseTunnel(context, config, log);
  logSettings(context, config, credentials, log);
  const graceful = listenForSignals(log, faults.ignoreSigterm === true);
  const metrics = new Metrics();
  const connector = prepare(context, config, credentials, metrics, log);
  const readiness = new Readiness();
  const server = await openMetricsServer(context, config, connector, { metrics, readiness, log, faults });
  const startedAt = performance.now();
  try {
    await connect(context, config, connector, { metrics, readiness, log, faults, graceful });
  } finally {
    await pause(MIN_METRICS_LIFE_MS - (performance.now() - startedAt));
    server.close();
    server.closeAllConnections();
    log.info('Metrics server stopped');
  }
}

function prepare(context: Context, config: Config, credentials: Credentials, metrics: Metrics, log: Logger): Connector {
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
  const proxy = Proxy.open(ingress, [...settings.tags, ['ID', connectorId]], metrics, log);
  return { connectorId, credentials, ingress, settings, proxy };
}

interface Instruments {
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly log: Logger;
  readonly faults: RunFaults;
}

async function openMetricsServer(context: Context, config: Config, { connectorId, ingress }: Connector, { metrics, readiness, log, faults }: Instruments): Promise<Server> {
  const shown = faults.config ?? showConfig(ingress, config.warpRouting);
  try {
    return await startMetricsServer({ address: context.text('metrics'), connectorId, readiness, metrics, showConfig: () => shown, log });
  } catch (error) {
    log.error('Error opening metrics server listener', { error: messageOf(error) });
    throw wrapFailure(error, 'Error opening metrics server listener');
  }
}

/** Connects, and holds until it is asked to end and has, or cannot begin. What is left after the grace period is cut. */
async function connect(context: Context, config: Config, connector: Connector, instruments: Instruments & { readonly graceful: AbortSignal }): Promise<void> {
  const { log, faults, graceful, readiness, metrics } = instruments;
  const { ingress, settings, credentials, connectorId, proxy } = connector;
  const cut = new AbortController();
  const life = { graceful, cut: cut.signal };
  const entries = context.list('edge');
  if (entries.length === 0) throw new Failure('This stand-in knows no edge; name one with --edge.');
  const addresses = await EdgeAddresses.resolve(entries, log);
  if (addresses.available === 0) throw new Failure('failed to resolve any edge address');
  const supervisor = new ConnectionSupervisor(
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
      metrics,
      readiness,
      life,
      log,
    },
    countConnections(context.integer('ha-connections'), addresses.available, log),
  );
  if (faults.loseReadinessAfterMs !== undefined) loseReadiness(faults.loseReadinessAfterMs, readiness, cut);
  await pause(faults.dialAfterMs ?? 0, graceful);
  const running = faults.neverReady === true ? whenAborted(graceful) : supervisor.run();
  await endGracefully(running, graceful, settings.gracePeriodMs, log, cut);
  proxy.close();
  log.info('Tunnel server stopped');
  // The fault leaves a connector that lives without any connection.
  if (faults.loseReadinessAfterMs !== undefined) await whenAborted(graceful);
}

function countConnections(wanted: number, available: number, log: Logger): number {
  if (wanted > available) log.info(`You requested ${wanted} HA connections but I can give you at most ${available}.`);
  return Math.min(wanted, available);
}

function loseReadiness(afterMs: number, readiness: Readiness, cut: AbortController): void {
  readiness.onceReady(() => setTimeout(() => cut.abort(), afterMs));
}

async function endGracefully(running: Promise<void>, graceful: AbortSignal, gracePeriodMs: number, log: Logger, cut: AbortController): Promise<void> {
  try {
    await Promise.race([running, whenAborted(graceful)]);
    if (graceful.aborted && gracePeriodMs > 0) await Promise.race([running, pause(gracePeriodMs, cut.signal)]);
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
