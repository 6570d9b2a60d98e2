import type { SupervisorError } from '../core/errors.js';
import type { IngressRule } from '../forwarding/ports.js';

/** What supervision needs of the world. Implemented in cloudflared/; tests bring programs of their own. */

export interface ProcessExit {
  /** Null where a signal ended it, or where nobody can know (an orphan is not our child). */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The last thing it wrote: for people, never to decide by. */
  readonly lastLine: string;
}

/** One running cloudflared: started by us, or found running. */
export interface ConnectorProcess {
  readonly pid: number;
  readonly revision: number;
  readonly metricsPort: number;
  /** Wall clock, ms. */
  readonly startedAt: number;
  /** Resolves once, when the process is gone. Never rejects. */
  readonly ended: Promise<ProcessExit>;
  /** SIGTERM to the process, if it is still the same one. */
  terminate(): void;
  /** SIGKILL to its group, if it is still the same one; what escaped the group follows. */
  kill(): void;
  /** Handover: the process lives on without us; nothing here keeps our event loop alive any more. */
  letGo(): void;
}

/** A cloudflared. */
export interface Program {
  readonly path: string;
  readonly version: string;
}

export interface Launcher {
  /**
   * Checks the files, chooses a port, starts: this program, or the one that is in place. Resolves when the process runs;
   * rejects with a `SupervisorError`.
   */
  launch(revision: number, program?: Program): Promise<ConnectorProcess>;
  /** Connectors of this base directory that nobody owns: what a killed supervisor left. */
  findOrphans(): Promise<readonly ConnectorProcess[]>;
}

/** What a connector says of itself. */
export type Probe =
  | { readonly kind: 'ready'; readonly connections: number }
  | { readonly kind: 'not-ready' }
  /** Nothing answers on its metrics port in time. */
  | { readonly kind: 'unreachable' };

export interface Counters {
  /** Registrations that the edge refused, since the start. */
  readonly registerFailures: number;
  /** Requests being served now; undefined where it does not say. */
  readonly inFlight: number | undefined;
}

export interface Prober {
  /** `/ready`. Never rejects. */
  probe(metricsPort: number): Promise<Probe>;
  /** What Cloudflare knows this connector by; undefined where it does not answer. Never rejects. */
  readConnectorId(metricsPort: number): Promise<string | undefined>;
  /** `/metrics`; undefined where it does not answer. Never rejects. */
  readCounters(metricsPort: number): Promise<Counters | undefined>;
  /** `/config`; rejects where it does not answer. */
  readRules(metricsPort: number): Promise<readonly IngressRule[]>;
}

/** `up`: some edge address accepts TCP connections. */
export type NetworkState = 'up' | 'down';

/** What becomes of a question to the resolvers of this machine; `silent`: whoever asks waits until it gives up. */
export type ResolverState = 'answers' | 'refuses' | 'silent';

/** What Cloudflare says of the tunnel of a revision. `unknown`: it could not be asked. */
export type TunnelVerdict = 'usable' | 'deleted' | 'credentials-refused' | 'unknown';

/** Facts that failures are told apart by. None rejects: what cannot be found out is `undefined` or `unknown`. */
export interface FactFinder {
  /** Binary, config and credentials of a revision: the first thing wrong with them. No process is started. */
  preflight(revision: number): Promise<SupervisorError | undefined>;
  /** Runs `--version`. */
  checkBinary(): Promise<SupervisorError | undefined>;
  /** Runs `ingress validate`: what it refuses the file for. */
  refusedConfig(revision: number): Promise<string | undefined>;
  portTaken(port: number): Promise<boolean>;
  network(): Promise<NetworkState>;
  resolver(): Promise<ResolverState>;
  /** The edge is known by names: where none can be looked up, no address of it is known. */
  edgeIsNamed(): boolean;
  tunnel(revision: number): Promise<TunnelVerdict>;
  /** How many processes the kernel has killed for memory, where it says so. */
  memoryKills(): Promise<number | undefined>;
  /** Changes whenever a file changes that a start of this revision depends on. Cheap. */
  fingerprint(revision: number): Promise<string>;
}
