import { randomUUID } from 'node:crypto';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { StructReader } from './capnp/message-reader.js';
import type { WritePayload } from './capnp/rpc-frames.js';
import { serveRpc } from './capnp/rpc-server.js';
import type { ConnectionRegistry } from './connection-registry.js';
import { cutSession } from './cut-stream.js';
import { EdgeLink } from './edge-link.js';
import { CONTROL_STREAM, EDGE_SERVER_NAME, UPGRADE_HEADER } from './internal-headers.js';
import type { Authorize, RegistrationRequest } from './ports.js';
import {
  readConfiguration, readRegistration, REGISTER_CONNECTION, UNREGISTER_CONNECTION, UPDATE_LOCAL_CONFIGURATION, writeAnswer, writeNothing,
} from './registration-schema.js';

/** A connector registers within moments of its TLS handshake; one that does not is cut off. */
const REGISTRATION_TIMEOUT_MS = 10_000;
/** A rejected connector closes its control stream when it has read the answer; then, or after this, we close. */
const REJECTION_GRACE_MS = 2000;
const STREAM_WINDOW_BYTES = 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 16 * STREAM_WINDOW_BYTES;
/** Node refuses streams of a session whose buffers exceed this, and its default is small for a busy tunnel. */
const SESSION_MEMORY_MB = 256;

export interface AcceptContext {
  readonly registry: ConnectionRegistry;
  readonly authorize: Authorize;
  readonly location: string;
}

/**
 * A connector has dialled: it serves HTTP/2 on this socket and we are its client. Opens the control stream and
 * answers the calls on it, until the connection is over.
 */
export function acceptConnector(socket: TLSSocket, context: AcceptContext): void {
  const session = connect(`https://${EDGE_SERVER_NAME}`, {
    createConnection: () => socket,
    maxSessionMemory: SESSION_MEMORY_MB,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
  });
  const calls = new RegistrationCalls(session, context);
  const deadline = setTimeout(() => cutSession(session, 'no registration came'), REGISTRATION_TIMEOUT_MS).unref();
  session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
  // 'close' follows, and says as much.
  session.on('error', () => undefined);
  session.once('close', () => {
    clearTimeout(deadline);
    calls.sessionClosed();
  });

  const control = session.request({ ':method': 'GET', ':path': '/', [UPGRADE_HEADER]: CONTROL_STREAM }, { endStream: false });
  // 'close' says as much.
  control.on('error', () => undefined);
  control.once('close', () => calls.controlStreamClosed());
  serveRpc(control, (interfaceId, methodId, params) => {
    clearTimeout(deadline);
    return calls.answer(interfaceId, methodId, params);
  });
}

/** What a connector may ask for on its control stream. */
class RegistrationCalls {
  readonly #session: ClientHttp2Session;
  readonly #context: AcceptContext;
  #link: EdgeLink | undefined;
  #asked = false;

  constructor(session: ClientHttp2Session, context: AcceptContext) {
    this.#session = session;
    this.#context = context;
  }

  async answer(interfaceId: bigint, methodId: number, params: StructReader | undefined): Promise<WritePayload> {
    if (interfaceId !== REGISTER_CONNECTION.interfaceId) throw new Error('unimplemented interface');
    switch (methodId) {
      case REGISTER_CONNECTION.methodId:
        return this.#register(readRegistration(params));
      case UNREGISTER_CONNECTION.methodId:
        return this.#unregister();
      case UPDATE_LOCAL_CONFIGURATION.methodId:
        return this.#reportConfiguration(params);
      default:
        throw new Error('unimplemented method');
    }
  }

  sessionClosed(): void {
    if (this.#link !== undefined) this.#context.registry.remove(this.#link);
  }

  /** Before a registration, or after it was rejected, the connection is of no more use. */
  controlStreamClosed(): void {
    if (this.#link === undefined) cutSession(this.#session, 'the control stream is closed');
    else this.#link.controlStreamClosed();
  }

  async #register(request: RegistrationRequest): Promise<WritePayload> {
    if (this.#asked) throw new Error('the connection is registered already');
    this.#asked = true;
    const { registry, authorize, location } = this.#context;
    const verdict = await authorize(request);
    if (verdict.kind === 'reject') {
      registry.emit({ type: 'connection.rejected', tunnelId: request.tunnelId, connectorId: request.connector.connectorId, cause: verdict.cause });
      setTimeout(() => cutSession(this.#session, 'the connector was rejected'), REJECTION_GRACE_MS).unref();
      return writeAnswer({ kind: 'rejected', cause: verdict.cause, retryAfterMs: verdict.retryAfterMs });
    }
    const connectionId = randomUUID();
    // The connector may be gone while its secret was being looked at: then there is nothing to register.
    if (!this.#session.closed && !this.#session.destroyed) {
      this.#link = new EdgeLink(connectionId, this.#session, request);
      registry.add(this.#link);
    }
    return writeAnswer({ kind: 'connected', connectionId, location, remotelyManaged: verdict.remotelyManaged ?? false });
  }

  #unregister(): WritePayload {
    if (this.#link === undefined) throw new Error('the connection is not registered');
    this.#link.drain('unregistered');
    this.#context.registry.emit({ type: 'connection.unregistered', connection: this.#link.connection() });
    return writeNothing;
  }

  #reportConfiguration(params: StructReader | undefined): WritePayload {
    if (this.#link === undefined) throw new Error('the connection is not registered');
    this.#context.registry.emit({ type: 'configuration.reported', connection: this.#link.connection(), config: readConfiguration(params) });
    return writeNothing;
  }
}
