import type { Readable, Writable } from 'node:stream';
import type { ConnectorInfo, Header } from '../ports.js';

/** What a connector gives to open one connection, and what it gets. Implemented by open-connection.ts. */

export interface OpenConnectionOptions {
  readonly edge: { readonly host: string; readonly port: number };
  /** PEM, one or more; the roots of Node unless given. */
  readonly ca?: string;
  readonly tunnelId: string;
  readonly accountTag: string;
  readonly tunnelSecret: Uint8Array;
  readonly connIndex: number;
  readonly connector: ConnectorInfo;
  readonly numPreviousAttempts?: number;
  /** What `updateLocalConfiguration` reports: sent by the connection of index 0 of a locally managed tunnel. */
  readonly configuration?: unknown;
  /** Called for each request of a visitor. Must not throw. */
  readonly onRequest: (request: TunnelRequest) => void;
  /** Gives up dialling and registering. 15 s to dial and 5 s to register hold anyway. */
  readonly signal?: AbortSignal;
}

/** A visitor's request, decoded. */
export interface TunnelRequest {
  /** `websocket`: `body` and the stream of `respond` are the two directions; answer with 101. */
  readonly kind: 'http' | 'websocket';
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Of the Host header. */
  readonly host: string;
  /** Names in lower case, as HTTP/2 has them; Host is not among them. */
  readonly headers: readonly Header[];
  /** Ends if all of it came, and else fails with an error: pipe it with `pipeline`, which tells the origin. */
  readonly body: Readable;
  /** False where the request ended with its headers: `body` is empty then. */
  readonly hasBody: boolean;
  /** Aborts when the visitor or the edge is gone; nothing needs to be answered then. */
  readonly gone: AbortSignal;
  /** Once: status and the origin's headers, packed as cloudflared packs them (101 becomes 200). Returns the body to write. */
  respond(status: number, headers: readonly Header[]): Writable;
  /** The connector's own 502, said to be its own; resets the stream where an answer has begun. */
  fail(): void;
}

/** A registered connection. */
export interface ConnectorConnection {
  /** UUID, given by the edge. */
  readonly id: string;
  /** Airport code. */
  readonly location: string;
  readonly remotelyManaged: boolean;
  readonly activeRequests: number;
  /** Asks the edge for no more requests; those in flight go on, after which the edge closes. */
  unregister(): Promise<void>;
  /** Resolves when the connection is over, whoever ended it. Never rejects. */
  readonly closed: Promise<void>;
  /** Cuts it, with what is in flight. */
  destroy(): void;
}

/** The edge said no. `retryAfterMs` is undefined where it said so for good. */
export class RegistrationRejected extends Error {
  override readonly name = 'RegistrationRejected';
  readonly retryAfterMs: number | undefined;

  constructor(cause: string, retryAfterMs: number | undefined) {
    super(cause);
    this.retryAfterMs = retryAfterMs;
  }
}

/** No connection, no TLS, or lost before the registration was answered. */
export class EdgeUnreachable extends Error {
  override readonly name: string = 'EdgeUnreachable';
}

/** The edge took the connection, but did not answer the registration. `wasAsked`: it had opened the control stream. */
export class RegistrationUnanswered extends EdgeUnreachable {
  override readonly name = 'RegistrationUnanswered';
  readonly wasAsked: boolean;

  constructor(message: string, wasAsked: boolean, options?: ErrorOptions) {
    super(message, options);
    this.wasAsked = wasAsked;
  }
}

// openConnection(options: OpenConnectionOptions): Promise<ConnectorConnection>   in open-connection.ts;
// rejects with RegistrationRejected or EdgeUnreachable.
