import { toSupervisorError } from '../core/errors.js';
import type { Emit } from '../core/events.js';
import { revisionToServe } from '../forwarding/wants-connector.js';
import { recoverDisconnect } from '../setup/disconnect.js';
import type { DisconnectStep } from '../setup/disconnect-steps.js';
import type { JournalRecord } from '../transaction/ports.js';
import type { Parts } from './assemble.js';
import type { State } from './open-state.js';

export interface Recovery {
  /** Connectors are found and the committed revision is being served. */
  readonly serving: Promise<void>;
  /** What a killed daemon left of changes is finished or undone. */
  readonly settled: Promise<void>;
}

/**
 * What a starting daemon does before it takes any change. All of it is put into the writer's queue at once, so that
 * whoever speaks to the socket in the meantime waits behind it.
 */
export function recoverAtStart(parts: Parts, state: State, emit: Emit): Recovery {
  const { writer, connectors, setup, copies } = parts;
  const toServe = (): number | undefined => revisionToServe(state.tunnel(), state.revisions.current());
  const serving = writer.runExclusive(async () => {
    await connectors.adoptOrphans();
    await connectors.takeOver(toServe());
  });
  const forwarding = writer.recover();
  // What was not served because a setup was in the middle of it is served now.
  const served = writer.runExclusive(() => {
    const revision = toServe();
    if (revision !== undefined) connectors.promote(revision);
    return Promise.resolve();
  });
  const disconnects = writer.runExclusive(async (interrupt) => {
    for (const record of (await state.journals.unfinished()).filter(isDisconnect)) await recoverDisconnect(parts.disconnect, record, interrupt);
  });
  const settle = async (): Promise<void> => {
    await serving;
    await forwarding;
    await served;
    await disconnects;
    setup.recover(await state.journals.unfinished());
    // A copy that cannot be written, on a full disk, is no reason to stop serving.
    await copies.takeIn(state.tunnel() === undefined ? undefined : state.revisions.current(), writer).catch((error: unknown) => {
      const { code, message } = toSupervisorError(error);
      emit('daemon.warned', { code, message });
    });
  };
  const settled = settle();
  // Each is looked at by who waits for it; none goes unseen because another failed first.
  for (const one of [serving, forwarding, served, disconnects, settled]) one.catch(() => undefined);
  return { serving, settled };
}

const isDisconnect = (record: JournalRecord): record is JournalRecord<DisconnectStep> => record.header.kind === 'disconnect';
