import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';

/** What the edge asks of others, and what it offers them. Implemented by edge.ts and visitor-front.ts. */

/** One HTTP header as it was written: case and repetition are kept. */
export type Header = readonly [name: string, value: string];

/** The program behind a connection, as it describes itself. */
export interface ConnectorInfo {
  /** UUID, lower case; new for each process. */
  readonly connectorId: string;
  readonly version: string;
  /** `linux_amd64` */
  readonly arch: string;
  readonly features: readonly string[];
}

/** Who asks to serve a tunnel, in the words of `registerConnection`. */
export interface RegistrationRequest {
  /** UUID, lower case. */
  readonly tunnelId: string;
  readonly accountTag: string;
  readonly tunnelSecret: Uint8Array;
  /** 0 to 255: which of a connector's connections this is. */
  readonly connIndex: number;
  readonly connector: ConnectorInfo;
  /** What the connector says its own address is; may be empty. */
  readonly originIp: string;
  readonly numPreviousAttempts: number;
}

export type RegistrationVerdict =
  | { readonly kind: 'accept'; readonly remotelyManaged?: boolean }
  /**
   * `cause` is what cloudflared prints. One that begins with `Unauthorized` makes it try for ever; any other on
   * its first connection ends it with code 1. `retryAfterMs` marks the rejection as one to be retried.
   */
  | { readonly kind: 'reject'; readonly cause: string; readonly retryAfterMs?: number };

/** Who may serve which tunnel. A rejected promise is answered as a failed call. */
export type Authorize = (request: RegistrationRequest) => RegistrationVerdict | Promise<RegistrationVerdict>;

/** One registered link between a connector and the edge. */
export interface EdgeConnection {
  /** UUID, given by the edge. */
  readonly id: string;
  readonly tunnelId: string;
  readonly connector: ConnectorInfo;
  readonly connIndex: number;
  readonly originIp: string;
  /** Wall clock, ms. */
  readonly openedAt: number;
  /** `serving` gets requests; `draining` has unregistered and finishes what it has. */
  readonly state: 'serving' | 'draining';
  readonly activeRequests: number;
}

export type EdgeEvent =
  | { readonly type: 'connection.registered'; readonly connection: EdgeConnection }
  /** A connection with the same tunnel, connector and index came: this one drains. */
  | { readonly type: 'connection.replaced'; readonly connection: EdgeConnection }
  | { readonly type: 'connection.unregistered'; readonly connection: EdgeConnection }
  | { readonly type: 'connection.closed'; readonly connection: EdgeConnection }
  | { readonly type: 'connection.rejected'; readonly tunnelId: string; readonly connectorId: string; readonly cause: string }
  | { readonly type: 'configuration.reported'; readonly connection: EdgeConnection; readonly config: unknown };

/**
 * What a connector that dials the edge meets. `refuse`: no one listens (connection refused). `reset`: accepted and
 * reset at once. `blackhole`: accepted, and never a byte. Connections that exist are not touched: see `drop`.
 */
export type DialMode = 'serve' | 'refuse' | 'reset' | 'blackhole';

export interface EdgeOptions {
  /** PEM. For `h2.cftunnel.com`. */
  readonly key: string;
  readonly cert: string;
  readonly authorize: Authorize;
  /** Loopback; `127.0.0.1` unless given. */
  readonly host?: string;
  /** One listener each; 0 is any free port. One such unless given. cloudflared wants more entries than connections, which may repeat an address. */
  readonly ports?: readonly number[];
  /** The airport code that connectors are told, `LAX` unless given. */
  readonly location?: string;
}

export interface Edge {
  /** The airport code that connectors and visitors are told. */
  readonly location: string;
  /** `host:port`, in the order of `ports`. */
  readonly addresses: readonly string[];
  /** All, or those of a tunnel; serving and draining, oldest first. */
  connections(tunnelId?: string): readonly EdgeConnection[];
  /** Returns what ends the subscription. Listeners must not throw. */
  subscribe(listener: (event: EdgeEvent) => void): () => void;
  /** Resolves as soon as the condition holds, asked now and after every event (requests that come and go are none); rejects with the signal's reason. */
  waitUntil(condition: (connections: readonly EdgeConnection[]) => boolean, signal?: AbortSignal): Promise<void>;
  /**
   * Opens a request of a visitor on a serving connection of the tunnel: of the connector whose turn is longest ago,
   * so that a new one gets the next request, and within it on the connection whose turn is longest ago. One that
   * went away without our having noticed is passed over. Undefined where none is left. `bodiless`: no body follows.
   */
  openRequest(tunnelId: string, headers: OutgoingHttpHeaders, bodiless: boolean): ClientHttp2Stream | undefined;
  setDialMode(mode: DialMode): Promise<void>;
  /** Cuts the connections that match, requests in flight included, as a lost network does. Returns how many. */
  drop(matches: (connection: EdgeConnection) => boolean): number;
  /** Cuts everything and stops listening. */
  close(): Promise<void>;
}

/** Where a visitor's name leads, by the DNS records of the sandbox. */
export type HostTarget =
  | { readonly kind: 'tunnel'; readonly tunnelId: string }
  /** A record that is no tunnel's: answered 523, since the sandbox reaches no origins. */
  | { readonly kind: 'elsewhere' }
  /** No record: 530 with error 1016. */
  | { readonly kind: 'none' };

/** `hostname` is lower case, without port and final dot. */
export type LookUpHost = (hostname: string) => HostTarget;

export interface VisitorFrontOptions {
  readonly edge: Edge;
  readonly lookUpHost: LookUpHost;
  /** Loopback; `127.0.0.1` unless given. */
  readonly host?: string;
  /** 0, any free one, unless given. */
  readonly port?: number;
}

export interface VisitorFront {
  /** `http://host:port`; the name wanted goes into the Host header. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

// startEdge(options: EdgeOptions): Promise<Edge>                         in edge.ts
// startVisitorFront(options: VisitorFrontOptions): Promise<VisitorFront>  in visitor-front.ts
