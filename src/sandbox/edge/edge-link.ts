import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { closeSession, cutSession } from './cut-stream.js';
import type { ConnectorInfo, EdgeConnection, RegistrationRequest } from './ports.js';

/** How long a connector that has unregistered may take to close its control stream before we stop waiting for it. */
const CONTROL_STREAM_GRACE_MS = 5000;

/** One registered connection: counts what is in flight on it and, once it drains, closes it after the last. */
export class EdgeLink {
  readonly tunnelId: string;
  readonly connectorId: string;
  /** The number of the last request that was opened here; requests of the edge count up. */
  lastTurn = 0;
  readonly #id: string;
  readonly #session: ClientHttp2Session;
  readonly #connIndex: number;
  readonly #connector: ConnectorInfo;
  readonly #originIp: string;
  readonly #openedAt = Date.now();
  #state: EdgeConnection['state'] = 'serving';
  #isCut = false;
  #activeRequests = 0;
  /** The last words on the control stream must be out before the connection may go. */
  #controlClosed = false;

  constructor(id: string, session: ClientHttp2Session, request: RegistrationRequest) {
    this.#id = id;
    this.#session = session;
    this.tunnelId = request.tunnelId;
    this.#connector = request.connector;
    this.connectorId = request.connector.connectorId;
    this.#connIndex = request.connIndex;
    this.#originIp = request.originIp;
  }

  connection(): EdgeConnection {
    return {
      id: this.#id,
      tunnelId: this.tunnelId,
      connector: this.#connector,
      connIndex: this.#connIndex,
      originIp: this.#originIp,
      openedAt: this.#openedAt,
      state: this.#state,
      activeRequests: this.#activeRequests,
    };
  }

  isServing(): boolean {
    return this.#state === 'serving' && !this.#isCut && !this.#session.closed && !this.#session.destroyed;
  }

  /** Undefined where the connection turns out to be gone: then nothing was sent. */
  openRequest(headers: OutgoingHttpHeaders, bodiless: boolean, turn: number): ClientHttp2Stream | undefined {
    this.lastTurn = turn;
    const stream = this.#tryRequest(headers, bodiless);
    if (stream === undefined) return undefined;
    this.#activeRequests += 1;
    stream.once('close', () => {
      this.#activeRequests -= 1;
      this.#closeWhenDrained();
    });
    return stream;
  }

  /** No new requests; closes when those in flight are done. A replaced connection's control stream is nobody's any more. */
  drain(reason: 'unregistered' | 'replaced'): void {
    this.#state = 'draining';
    if (reason === 'replaced') this.#controlClosed = true;
    else setTimeout(() => this.controlStreamClosed(), CONTROL_STREAM_GRACE_MS).unref();
    this.#closeWhenDrained();
  }

  /** Without having unregistered, this is the loss of the connection. */
  controlStreamClosed(): void {
    this.#controlClosed = true;
    if (this.#state === 'serving') this.cut();
    else this.#closeWhenDrained();
  }

  /** As a lost network: whatever is in flight. Nothing new is opened from here on. */
  cut(): void {
    this.#isCut = true;
    cutSession(this.#session, 'the connection was cut');
  }

  #tryRequest(headers: OutgoingHttpHeaders, bodiless: boolean): ClientHttp2Stream | undefined {
    if (!this.isServing()) return undefined;
    try {
      return this.#session.request(headers, { endStream: bodiless });
    } catch (error) {
      // The session noticed only now that it is over; what else it may say (a bad header) is the caller's.
      if (this.isServing()) throw error;
      return undefined;
    }
  }

  #closeWhenDrained(): void {
    if (this.#state === 'draining' && this.#controlClosed && this.#activeRequests === 0) closeSession(this.#session);
  }
}
