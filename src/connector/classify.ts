import { failure } from './failures.js';
import type { Failure } from './failures.js';
import type { NetworkState, ProcessExit, ResolverState, TunnelVerdict } from './ports.js';

/**
 * Failures told apart by facts. What cloudflared writes is quoted to people and decides nothing. Pure; undefined
 * means that a fact could not be found out.
 */

/** What can be found out on this machine, in a moment. */
export interface LocalFacts {
  readonly exit: ProcessExit;
  readonly everReady: boolean;
  readonly preflight: Failure | undefined;
  /** The kernel counts a victim more than when it was started. */
  readonly memoryKill: boolean;
  readonly portTaken: boolean;
  readonly binary: Failure | undefined;
  readonly refusedConfig: string | undefined;
}

/** Undefined: the reason, if there is one, is elsewhere. */
export function classifyLocally(facts: LocalFacts): Failure | undefined {
  if (facts.exit.signal === 'SIGKILL' && facts.memoryKill) return failure('MEMORY_EXHAUSTED', `The kernel killed the connector for memory. ${describeExit(facts.exit)}`);
  if (facts.preflight !== undefined) return facts.preflight;
  if (facts.everReady) return undefined;
  if (facts.binary !== undefined) return facts.binary;
  if (facts.refusedConfig !== undefined) return failure('CONFIG_REFUSED', `cloudflared refused the configuration: ${facts.refusedConfig}`);
  if (facts.portTaken) return failure('METRICS_PORT_TAKEN');
  return undefined;
}

export interface RemoteFacts {
  /** The edge answered, and refused registrations, since there was a connection last. */
  readonly refused: boolean;
  readonly tunnel: TunnelVerdict;
  readonly network: NetworkState;
  readonly resolver: ResolverState;
  readonly edgeIsNamed: boolean;
  readonly everReady: boolean;
  /** It runs, and its metrics port has never answered: seen of every start until its first look-ups are over. */
  readonly mute: boolean;
}

/** Undefined: the edge is there, and refuses nothing. */
export function classifyRemotely(facts: RemoteFacts): Failure | undefined {
  const { refused, tunnel, network } = facts;
  if (refused && tunnel === 'deleted') return failure('TUNNEL_DELETED');
  if (refused && tunnel === 'credentials-refused') return failure('CREDENTIALS_REFUSED');
  if (waitsForResolver(facts)) return failure('RESOLVER_DEAD');
  if (network === 'down') return failure('EDGE_UNREACHABLE');
  return refused ? failure('EDGE_REFUSED') : undefined;
}

/**
 * A dead resolver alone explains nothing: a connector with addresses of the edge needs none once it is past its start,
 * which asks whatever the flags, and is mute meanwhile (30 s where nobody answers).
 */
const waitsForResolver = ({ resolver, edgeIsNamed, everReady, mute, network }: RemoteFacts): boolean =>
  resolver !== 'answers' && ((mute && !everReady) || (network === 'down' && edgeIsNamed));

/** Less no start takes that gives up on a silent resolver: four questions, one second each at the very least (40 s by default). */
const SILENT_LOOKUPS_MS = 3_000;

/** A process that ended is not explained by what it could have waited for, but by what ends it. */
export function classifyEnd(exit: ProcessExit, livedMs: number, facts: RemoteFacts): Failure {
  const gaveUp = !facts.everReady && exit.exitCode === FATAL_START && (facts.resolver !== 'silent' || livedMs >= SILENT_LOOKUPS_MS);
  const known = classifyRemotely({ ...facts, resolver: gaveUp ? facts.resolver : 'answers', mute: false });
  if (known === undefined) return failure('CONNECTOR_CRASHED', `The connector ended by itself. ${describeExit(exit)}`);
  return failure(known.code, `${known.message} ${describeExit(exit)}`);
}

/** cloudflared's own word for a start that cannot go on. */
const FATAL_START = 1;

export const classifyLife = (remote: RemoteFacts): Failure =>
  classifyRemotely(remote) ?? failure(remote.everReady ? 'CONNECTOR_LOST' : 'CONNECTOR_NOT_READY');

function describeExit({ exitCode, signal, lastLine }: ProcessExit): string {
  const how = signal !== null ? `It died of ${signal}` : exitCode !== null ? `Its exit code was ${exitCode}` : 'How it ended is not known';
  return lastLine === '' ? `${how}.` : `${how}; the last it wrote: ${lastLine}`;
}
