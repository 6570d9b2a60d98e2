import { openConnection } from '../../edge/connector-side/open-connection.js';
import { RegistrationRejected, RegistrationUnanswered, type ConnectorConnection, type TunnelRequest } from '../../edge/connector-side/ports.js';
import type { ConnectorInfo } from '../../edge/ports.js';
import type { Credentials } from '../account/tunnel-credentials.js';
import { messageOf } from '../failure.js';
import { formatDuration } from '../go-duration.js';
import type { Logger } from '../log/logger.js';
import { Backoff } from './backoff.js';
import type { EdgeAddress, EdgeAddresses } from './edge-addresses.js';
import { pause, whenAborted, type Life } from './life.js';
import type { Metrics } from './metrics.js';
import type { Readiness } from './readiness.js';
import { ServeFailure } from './serve-failure.js';

const BASE_PAUSE_MS = 1000;
/** The real program spins when it has one address and that refuses; this is our mercy on the machine. */
const NO_ADDRESS_PAUSE_MS = 100;
const DUPLICATE = 'EDUPCONN';

/** What all connections of a connector have in common. */
export interface Tunnel {
  readonly credentials: Credentials;
  readonly connector: ConnectorInfo;
  readonly addresses: EdgeAddresses;
  /** PEM; empty trusts nobody. */
  readonly ca: string;
  readonly configuration: unknown;
  readonly retries: number;
  readonly retryScale: number;
  readonly gracePeriodMs: number;
  readonly onRequest: (connIndex: number, request: TunnelRequest) => void;
  /** Ends what is in flight, as far as it can be ended: a WebSocket is waited for. */
  readonly cutRequests: () => void;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly life: Life;
  /** Aborts by a scripted fault: the connections are lost, and no more are made. */
  readonly abandoned: AbortSignal;
  readonly log: Logger;
}

/** One connection, from dialling to its end, as often as it is asked to serve. */
export class Connection {
  readonly #tunnel: Tunnel;
  readonly #index: number;
  readonly #backoff: Backoff;

  constructor(tunnel: Tunnel, index: number) {
    this.#tunnel = tunnel;
    this.#index = index;
    this.#backoff = new Backoff(tunnel.retries, BASE_PAUSE_MS);
  }

  /** Resolves when it is over and the pause after it has passed; with the failure where it did not end as asked. */
  async serve(onConnected: () => void): Promise<ServeFailure | undefined> {
    const { addresses, metrics, readiness, life, log, retryScale, abandoned } = this.#tunnel;
    metrics.add('cloudflared_tunnel_ha_connections');
    try {
      if (abandoned.aborted) await Promise.race([whenAborted(life.graceful), whenAborted(life.cut)]);
      if (abandoned.aborted) return undefined;
      const address = addresses.take(this.#index);
      if (address === undefined) return await this.#nowhere();
      const connectionLog = log.with({ event: 0, ip: address.host, connIndex: this.#index });
      const failure = await this.#connect(address, connectionLog, onConnected);
      readiness.lost(this.#index);
      if ((failure?.kind === 'unreachable' || failure?.kind === 'duplicate') && !addresses.replace(this.#index)) return await this.#nowhere();
      if (life.cut.aborted) return failure;
      connectionLog.info(`Retrying connection in up to ${formatDuration(this.#backoff.maxMs())}`);
      await pause(this.#backoff.nextMs() * retryScale, life.cut, life.graceful);
      return life.graceful.aborted || life.cut.aborted ? undefined : failure;
    } finally {
      metrics.add('cloudflared_tunnel_ha_connections', -1);
    }
  }

  async #nowhere(): Promise<ServeFailure> {
    await pause(NO_ADDRESS_PAUSE_MS, this.#tunnel.life.cut);
    return new ServeFailure('no-address', 'there are no free edge addresses left to resolve to');
  }

  async #connect(address: EdgeAddress, log: Logger, onConnected: () => void): Promise<ServeFailure | undefined> {
    let connection: ConnectorConnection;
    log.debug('Registering tunnel connection', { protocol: 'http2' });
    try {
      connection = await this.#open(address);
    } catch (error) {
      if (this.#tunnel.life.cut.aborted) return undefined;
      return this.#explain(error, log);
    }
    this.#backoff.reset();
    this.#register(connection, address);
    onConnected();
    return this.#hold(connection, address, log);
  }

  #open(address: EdgeAddress): Promise<ConnectorConnection> {
    const { credentials, connector, ca, configuration, onRequest, life } = this.#tunnel;
    return openConnection({
      edge: address,
      ca,
      tunnelId: credentials.tunnelId,
      accountTag: credentials.accountTag,
      tunnelSecret: credentials.tunnelSecret,
      connIndex: this.#index,
      connector,
      numPreviousAttempts: this.#backoff.retries,
      configuration,
      onRequest: (request) => onRequest(this.#index, request),
      signal: life.cut,
    });
  }

  #level(): 'warn' | 'error' {
    return this.#tunnel.readiness.connections === 0 ? 'error' : 'warn';
  }

  #explain(error: unknown, log: Logger): ServeFailure {
    const message = messageOf(error);
    if (error instanceof RegistrationRejected) return this.#refused(message, log);
    if (error instanceof RegistrationUnanswered) return error.wasAsked ? this.#refused('context deadline exceeded', log) : this.#lost(log);
    log.log(this.#level(), 'Unable to establish connection with Cloudflare edge', { error: message });
    log.log(this.#level(), 'Serve tunnel error', { error: message });
    return new ServeFailure('unreachable', message);
  }

  /** Counted, whatever the reason; a supervisor tells by it that the edge is there. */
  #refused(reason: string, log: Logger): ServeFailure {
    const isDuplicate = reason === DUPLICATE;
    this.#tunnel.metrics.add('cloudflared_tunnel_tunnel_register_fail', 1, { error: isDuplicate ? 'dup_edge_conn' : 'server_error', rpcName: 'registerConnection' });
    if (isDuplicate) {
      const failure = new ServeFailure('duplicate', 'already connected to this server, trying another address');
      log.log(this.#level(), 'Unable to establish connection.', { error: failure.message });
      return failure;
    }
    this.#tunnel.log.error('failed to serve incoming request', { error: reason });
    log.log(this.#level(), 'Register tunnel error from server side', { error: reason });
    return new ServeFailure('rejected', reason);
  }

  #lost(log: Logger): ServeFailure {
    const failure = new ServeFailure('closed', 'connection with edge closed');
    this.#tunnel.log.info('Lost connection with the edge', { connIndex: this.#index });
    log.log(this.#level(), 'Serve tunnel error', { error: failure.message });
    return failure;
  }

  #register(connection: ConnectorConnection, address: EdgeAddress): void {
    const { metrics, readiness, log } = this.#tunnel;
    metrics.add('cloudflared_tunnel_tunnel_register_success', 1, { rpcName: 'registerConnection' });
    metrics.set('cloudflared_tunnel_server_locations', 1, { connection_id: String(this.#index), edge_location: connection.location });
    if (this.#index === 0 && !connection.remotelyManaged) metrics.add('cloudflared_config_local_config_pushes');
    log.info('Registered tunnel connection', {
      event: 0, connection: connection.id, connIndex: this.#index, location: connection.location, ip: address.host, protocol: 'http2',
    });
    readiness.connected(this.#index);
  }

  /** Serves until the edge closes, or until it is asked to end: then it unregisters, and the edge closes when all is answered. */
  async #hold(connection: ConnectorConnection, address: EdgeAddress, log: Logger): Promise<ServeFailure | undefined> {
    const { life, readiness, abandoned } = this.#tunnel;
    const abandon = (): void => connection.destroy();
    const cut = (): void => {
      this.#tunnel.cutRequests();
      // Else the edge closes it, when the last WebSocket is over.
      if (connection.activeRequests === 0 || !life.graceful.aborted) connection.destroy();
    };
    abandoned.addEventListener('abort', abandon, { once: true });
    life.cut.addEventListener('abort', cut, { once: true });
    try {
      await Promise.race([connection.closed, whenAborted(life.graceful)]);
      if (!life.graceful.aborted) {
        if (life.cut.aborted) return undefined;
        readiness.lost(this.#index);
        return this.#lost(log);
      }
      readiness.lost(this.#index);
      await this.#unregister(connection, address);
      await connection.closed;
      return undefined;
    } finally {
      life.cut.removeEventListener('abort', cut);
      abandoned.removeEventListener('abort', abandon);
    }
  }

  async #unregister(connection: ConnectorConnection, address: EdgeAddress): Promise<void> {
    const { log, gracePeriodMs, life } = this.#tunnel;
    try {
      await Promise.race([connection.unregister(), connection.closed, pause(gracePeriodMs, life.cut)]);
      log.info('Unregistered tunnel connection', { event: 0, connIndex: this.#index, ip: address.host });
    } catch (error) {
      // The edge is gone before it was told: it ends as it would have.
      log.debug('Error shutting down control stream', { error: messageOf(error) });
    }
  }
}
