import { failure } from './failures.js';
import type { Failure } from './failures.js';
import type { NetworkState, ProcessExit, TunnelVerdict } from './ports.js';

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
  readonly resolverAnswers: boolean;
  readonly everReady: boolean;
}

/** Undefined: the edge is there, and refuses nothing. */
export function classifyRemotely({ refused, tunnel, network, resolverAnswers, everReady }: RemoteFacts): Failure | undefined {
  if (refused && tunnel === 'deleted') return failure('TUNNEL_DELETED');
  if (refused && tunnel === 'credentials-refused') return failure('CREDENTIALS_REFUSED');
  // A start asks the resolver whatever the flags, and waits 30 s for one that is silent.
  if (!resolverAnswers && (network === 'down' || !everReady)) return failure('RESOLVER_DEAD');
  if (network === 'down') return failure('EDGE_UNREACHABLE');
  return refused ? failure('EDGE_REFUSED') : undefined;
}

export const classifyEnd = (exit: ProcessExit): Failure => failure('CONNECTOR_CRASHED', `The connector ended by itself. ${describeExit(exit)}`);

export const classifyLife = (remote: RemoteFacts): Failure =>
  classifyRemotely(remote) ?? failure(remote.everReady ? 'CONNECTOR_LOST' : 'CONNECTOR_NOT_READY');

export function describeExit({ exitCode, signal, lastLine }: ProcessExit): string {
  const how = signal !== null ? `It died of ${signal}` : exitCode !== null ? `Its exit code was ${exitCode}` : 'How it ended is not known';
  return lastLine === '' ? `${how}.` : `${how}; the last it wrote: ${lastLine}`;
}
