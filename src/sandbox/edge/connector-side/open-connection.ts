import { type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { connectRpc, type RpcClient, RpcFailure } from '../capnp/rpc-client.js';
import { cutSession } from '../cut-stream.js';
import { CONTROL_STREAM, UPGRADE_HEADER } from '../internal-headers.js';
import { plainAddress } from '../ip-address.js';
import {
  readAnswer, REGISTER_CONNECTION, type RegistrationAnswer, UNREGISTER_CONNECTION, UPDATE_LOCAL_CONFIGURATION, writeConfiguration, writeNothing, writeRegistration,
} from '../registration-schema.js';
import { dialEdge } from './dial-edge.js';
import { type ConnectorConnection, type OpenConnectionOptions, RegistrationRejected, RegistrationUnanswered } from './ports.js';
import { receiveRequest } from './receive-request.js';

/** As cloudflared's own. */
const REGISTER_TIMEOUT_MS = 5000;
const STREAM_WINDOW_BYTES = 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 16 * STREAM_WINDOW_BYTES;
/** Node refuses streams of a session whose buffers exceed this, and its default is small for a busy tunnel. */
const SESSION_MEMORY_MB = 256;

/** Dials the edge, serves it, registers. Rejects with RegistrationRejected or EdgeUnreachable; nothing is left open then. */
export async function openConnection(options: OpenConnectionOptions): Promise<ConnectorConnection> {
  const socket = await dialEdge(options);
  const session = performServerHandshake(socket, { maxSessionMemory: SESSION_MEMORY_MB, settings: { initialWindowSize: STREAM_WINDOW_BYTES } });
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  const served = serveEdge(session, options);
  const giveUp = (): void => cutSession(session, 'the registration was given up');
  const deadline = setTimeout(giveUp, REGISTER_TIMEOUT_MS);
  options.signal?.addEventListener('abort', giveUp);
  try {
    const rpc = await Promise.race([served.control, served.closed.then(() => Promise.reject(new RegistrationUnanswered('the edge closed the connection before it asked for a registration', false)))]);
    const answer = await register(rpc, options, plainAddress(socket.localAddress));
    return new RegisteredConnection(session, served, rpc, answer);
  } catch (error) {
    cutSession(session, 'the registration failed');
    throw options.signal?.aborted === true ? options.signal.reason : error;
  } finally {
    clearTimeout(deadline);
    options.signal?.removeEventListener('abort', giveUp);
  }
}

interface ServedEdge {
  /** The edge opens the control stream first of all. */
  readonly control: Promise<RpcClient>;
  readonly closed: Promise<void>;
  activeRequests: number;
}

function serveEdge(session: ServerHttp2Session, options: OpenConnectionOptions): ServedEdge {
  // 'close' follows, and says as much.
  session.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    session.once('close', resolve);
  });
  const control = new Promise<RpcClient>((resolve) => {
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
      // 'close' and its reset code say as much.
      stream.on('error', () => undefined);
      if (headers[UPGRADE_HEADER] === CONTROL_STREAM) {
        stream.respond({ ':status': 200 });
        resolve(connectRpc(stream));
        return;
      }
      served.activeRequests += 1;
      stream.once('close', () => {
        served.activeRequests -= 1;
      });
      receiveRequest(stream, headers, rawHeaders, options.onRequest);
    });
  });
  const served = { control, closed, activeRequests: 0 };
  return served;
}

type Connected = Extract<RegistrationAnswer, { kind: 'connected' }>;

async function register(rpc: RpcClient, options: OpenConnectionOptions, originIp: string): Promise<Connected> {
  const { tunnelId, accountTag, tunnelSecret, connIndex, connector, numPreviousAttempts = 0, configuration } = options;
  const answer = await ask(rpc, { tunnelId, accountTag, tunnelSecret, connIndex, connector, originIp, numPreviousAttempts });
  if (answer.kind === 'rejected') {
    rpc.close();
    throw new RegistrationRejected(answer.cause, answer.retryAfterMs);
  }
  if (connIndex === 0 && !answer.remotelyManaged && configuration !== undefined) {
    await rpc.call(UPDATE_LOCAL_CONFIGURATION, writeConfiguration(configuration));
  }
  return answer;
}

async function ask(rpc: RpcClient, request: Parameters<typeof writeRegistration>[0]): Promise<RegistrationAnswer> {
  try {
    return readAnswer(await rpc.call(REGISTER_CONNECTION, writeRegistration(request)));
  } catch (error) {
    if (error instanceof RpcFailure && error.answered) throw new RegistrationRejected(error.message, undefined);
    throw new RegistrationUnanswered(`the registration was not answered: ${error instanceof Error ? error.message : String(error)}`, true, { cause: error });
  }
}

class RegisteredConnection implements ConnectorConnection {
  readonly id: string;
  readonly location: string;
  readonly remotelyManaged: boolean;
  readonly closed: Promise<void>;
  readonly #session: ServerHttp2Session;
  readonly #served: ServedEdge;
  readonly #rpc: RpcClient;

  constructor(session: ServerHttp2Session, served: ServedEdge, rpc: RpcClient, details: Connected) {
    this.id = details.connectionId;
    this.location = details.location;
    this.remotelyManaged = details.remotelyManaged;
    this.closed = served.closed;
    this.#session = session;
    this.#served = served;
    this.#rpc = rpc;
  }

  get activeRequests(): number {
    return this.#served.activeRequests;
  }

  /** The control stream goes with it; the edge closes the connection when it is idle. */
  async unregister(): Promise<void> {
    await this.#rpc.call(UNREGISTER_CONNECTION, writeNothing);
    this.#rpc.close();
  }

  destroy(): void {
    cutSession(this.#session, 'the connector is gone');
  }
}
