import type { AnswerOf } from '../api/answers.js';
import type { ParsedRequest } from '../api/requests.js';
import type { Binary } from '../cloudflared/find.js';
import type { ConnectorSupervisor } from '../connector/supervisor.js';
import { SupervisorError, toSupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import { DEFAULT_LIMITS } from '../forwarding/change.js';
import { revisionToServe } from '../forwarding/wants-connector.js';
import { readStoredIngress } from '../forwarding/stored-ingress.js';
import type { ForwardingWriter } from '../forwarding/writer.js';
import { replaceBinary, type Replaced } from '../upgrade/replace-binary.js';
import type { Candidate, UpgradePorts } from '../upgrade/ports.js';
import type { BinaryFinder } from './binary-parts.js';
import type { State } from './open-state.js';
import type { ProcessContext } from './process-context.js';

type Request = ParsedRequest<'upgrade'>;
type Answer = AnswerOf<'upgrade'>;

/** Replaces the cloudflared that connectors run, one upgrade at a time. */
export interface Upgrader {
  /** The same asked twice is done once. Nobody who goes away ends it; `stopping` does. */
  upgrade(request: Request, stopping: AbortSignal): Promise<Answer>;
}

export interface UpgraderParts {
  readonly binary: BinaryFinder;
  readonly connectors: ConnectorSupervisor;
  readonly state: Pick<State, 'revisions' | 'tunnel'>;
  readonly writer: Pick<ForwardingWriter, 'runExclusive'>;
  readonly emit: Emit;
  readonly chooseReplaceMode: UpgradePorts['chooseReplaceMode'];
}

const PROGRESS_EVERY_MS = 1_000;

export function createUpgrader(context: ProcessContext, parts: UpgraderParts): Upgrader {
  let active: { readonly version: string | undefined; readonly answer: Promise<Answer> } | undefined;
  return {
    upgrade: async ({ version, mirror, dryRun = false }, stopping) => {
      const asked: Asked = { version, mirror: mirror === undefined ? context.options.mirror : new URL(mirror), dryRun };
      if (dryRun) return await upgrade(asked, stopping, context, parts);
      if (active !== undefined && active.version !== version) throw new SupervisorError('UPGRADE_IN_PROGRESS', `An upgrade to ${active.version ?? 'the newest cloudflared'} is under way.`);
      active ??= { version, answer: upgrade(asked, stopping, context, parts).finally(() => (active = undefined)) };
      return await active.answer;
    },
  };
}

interface Asked {
  readonly version: string | undefined;
  readonly mirror: URL | undefined;
  readonly dryRun: boolean;
}

async function upgrade(asked: Asked, signal: AbortSignal, context: ProcessContext, parts: UpgraderParts): Promise<Answer> {
  const { clock } = context;
  const { binary, emit, writer } = parts;
  const startedAt = clock.monotonic();
  const { isAboutBinary } = await import('../releases/install.js');
  const current = await binary.find().catch((error: unknown) => {
    if (!isAboutBinary(error)) throw error;
    return undefined;
  });
  const from = binary.served() ?? current ?? null;
  const answer = (outcome: Answer['outcome'], to: Binary, { connector, warnings }: Replaced = { connector: 'none', warnings: [] }): Answer =>
    ({ outcome, from, to, connector, warnings, durationMs: clock.monotonic() - startedAt });

  const found = binary.search.given === undefined ? await findNewer(asked, current, signal, context, parts) : takeUpNamed(asked, current, parts);
  if (found === undefined) {
    if (current === undefined) throw new SupervisorError('BINARY_MISSING', 'There is no cloudflared, and none to take its place.');
    return answer('unchanged', current);
  }
  const { candidate, target } = found;
  if (asked.dryRun) return answer('planned', target);
  try {
    const replaced = await writer.runExclusive(async (interrupt) => await replaceBinary(candidate, toPorts(context, parts), interrupt));
    if (replaced.connector === 'replaced') binary.noteServed(target);
    await binary.find();
    emit('binary.upgraded', { ...target, previousVersion: from?.version ?? null });
    return answer('upgraded', target, replaced);
  } catch (error) {
    await found.discard();
    const failure = toSupervisorError(error);
    if (failure.code === 'UPGRADE_REVERTED' || failure.code === 'ROLLBACK_FAILED') emit('binary.reverted', { version: candidate.binary.version, error: failure.toBody() });
    throw failure;
  }
}

interface Found {
  readonly candidate: Candidate;
  /** What it will be once it is in place. */
  readonly target: Binary;
  readonly discard: () => Promise<void>;
}

/** A file that was put in place by somebody else, and that no connector was started with yet. */
function takeUp(current: Binary | undefined, { binary }: UpgraderParts): Found | undefined {
  if (current === undefined || binary.served() === undefined || binary.isServed(current)) return undefined;
  const nothing = (): Promise<void> => Promise.resolve();
  return { candidate: { binary: current, place: nothing }, target: current, discard: nothing };
}

function takeUpNamed({ version }: Asked, current: Binary | undefined, parts: UpgraderParts): Found | undefined {
  const { given = '' } = parts.binary.search;
  if (version !== undefined && version !== current?.version) throw new SupervisorError('BINARY_NOT_OURS', `${given} was named with --cloudflared, so it is not ours to replace by ${version}.`);
  return takeUp(current, parts);
}

async function findNewer({ version, mirror, dryRun }: Asked, current: Binary | undefined, signal: AbortSignal, context: ProcessContext, parts: UpgraderParts): Promise<Found | undefined> {
  const { places, identity, environment, clock } = context;
  const { binary, emit } = parts;
  const [{ createReleaseHttp }, { findUpgrade, stageUpgrade }, { makeBinDirectory, USER_MODE }, { discardStaged, placeStaged }, { releasePlatform }, { sparsely }] = await Promise.all([
    import('../releases/release-http.js'), import('../releases/upgrade.js'), import('../releases/install.js'), import('../releases/stage-binary.js'), import('../releases/platform.js'), import('../releases/progress.js'),
  ]);
  const request = { version, mirror };
  const target = places.paths.binary;
  const http = createReleaseHttp({ env: environment, clock, userAgent: `cloudflared-supervisor/${context.version}` });
  try {
    if (dryRun) {
      const release = await findUpgrade(request, current, { platform: releasePlatform(), http, signal });
      return release === undefined ? takeUp(current, parts) : planned({ path: target, version: release });
    }
    await makeBinDirectory({ paths: places.paths, identity });
    const staged = await stageUpgrade(request, current, {
      platform: releasePlatform(), directory: places.paths.binDir, http, env: binary.search.env, clock, signal,
      onProgress: sparsely(clock, PROGRESS_EVERY_MS, (progress) => emit('binary.progressed', { version: progress.version ?? null, receivedBytes: progress.receivedBytes, totalBytes: progress.totalBytes ?? null })),
    });
    if (staged === undefined) return takeUp(current, parts);
    const place = async (): Promise<void> => await placeStaged(staged, target, USER_MODE);
    return { candidate: { binary: staged, place }, target: { path: target, version: staged.version }, discard: async () => await discardStaged(staged) };
  } finally {
    await http.close();
  }
}

function planned(target: Binary): Found {
  const nothing = (): Promise<void> => Promise.resolve();
  return { candidate: { binary: target, place: nothing }, target, discard: nothing };
}

function toPorts({ clock }: ProcessContext, { connectors, state, chooseReplaceMode }: UpgraderParts): UpgradePorts {
  return {
    connectors,
    revision: () => revisionToServe(state.tunnel(), state.revisions.current()),
    expectedIngress: async (revision) => {
      const current = state.revisions.current();
      if (current?.revision !== revision) throw new SupervisorError('REVISION_UNKNOWN', `Revision ${revision} is not current any more.`);
      return await readStoredIngress(current);
    },
    chooseReplaceMode,
    clock,
    verifyTimeoutMs: DEFAULT_LIMITS.verifyTimeoutMs,
    successorTimeoutMs: DEFAULT_LIMITS.successorTimeoutMs,
    undoTimeoutMs: DEFAULT_LIMITS.undoTimeoutMs,
  };
}
