import { classifyEnd, classifyLife, classifyLocally } from './classify.js';
import type { RemoteFacts } from './classify.js';
import { toFailure } from './failures.js';
import type { Failure } from './failures.js';
import type { FactFinder, NetworkState, ProcessExit } from './ports.js';

/** Gathers no more facts than are needed to tell; the telling apart is in classify.ts. */

export interface Ended {
  readonly revision: number;
  readonly metricsPort: number | undefined;
  readonly exit: ProcessExit;
  readonly livedMs: number;
  readonly everReady: boolean;
  readonly refused: boolean;
  /** The kernel's count when it was started. */
  readonly memoryKillsBefore: number | undefined;
}

export async function diagnoseEnd(facts: FactFinder, ended: Ended): Promise<Failure> {
  const { revision, exit, everReady, metricsPort } = ended;
  const [wrongFile, kills] = await Promise.all([facts.preflight(revision), facts.memoryKills()]);
  const preflight = wrongFile === undefined ? undefined : toFailure(wrongFile);
  const memoryKill = kills !== undefined && ended.memoryKillsBefore !== undefined && kills > ended.memoryKillsBefore;
  const nothing = { portTaken: false, binary: undefined, refusedConfig: undefined };
  const known = classifyLocally({ exit, everReady, preflight, memoryKill, ...nothing });
  if (known !== undefined) return known;
  if (!everReady) {
    const [portTaken, unusable, refusedConfig] = await Promise.all([
      metricsPort === undefined ? false : facts.portTaken(metricsPort),
      facts.checkBinary(),
      facts.refusedConfig(revision),
    ]);
    const binary = unusable === undefined ? undefined : toFailure(unusable);
    const local = classifyLocally({ exit, everReady, preflight, memoryKill, portTaken, binary, refusedConfig });
    if (local !== undefined) return local;
  }
  return classifyEnd(exit, ended.livedMs, await remoteFacts(facts, { ...ended, refusedAgain: ended.refused, mute: false }));
}

export async function diagnoseLife(
  facts: FactFinder, life: Refusals,
): Promise<{ readonly failure: Failure; readonly network: NetworkState }> {
  const remote = await remoteFacts(facts, life);
  return { failure: classifyLife(remote), network: remote.network };
}

interface Refusals {
  readonly revision: number;
  readonly everReady: boolean;
  readonly refused: boolean;
  readonly refusedAgain: boolean;
  readonly mute: boolean;
}

/** An edge that has just refused is an edge that is reached: then it is Cloudflare's API that knows why. */
async function remoteFacts(facts: FactFinder, { revision, refused, refusedAgain, everReady, mute }: Refusals): Promise<RemoteFacts> {
  const known = { refused, everReady, mute, edgeIsNamed: facts.edgeIsNamed() };
  if (refusedAgain) return { ...known, network: 'up', resolver: 'answers', tunnel: await facts.tunnel(revision) };
  const [network, resolver] = await Promise.all([facts.network(), facts.resolver()]);
  return { ...known, network, resolver, tunnel: 'unknown' };
}
