import { SupervisorError, toSupervisorError } from '../core/errors.js';
import type { SetupStatus } from '../core/status.js';
import type { JournalRecord } from '../transaction/ports.js';
import { isCommitted, replayJournal } from '../transaction/progress.js';
import { createDeferred } from './deferred.js';
import { readParameters, sameParameters, type SetupParameters, type SetupResult } from './parameters.js';
import type { SetupPorts } from './ports.js';
import { recoverSetup, runSetup, type SetupControl, type SetupEnd } from './run-setup.js';
import { watchStatus } from './setup-status.js';
import { nameOf } from './set-aside.js';
import type { SetupStepData } from './steps.js';
import { checkTunnelName } from './tunnel-name.js';

export interface StartedSetup {
  /** One with the same parameters was under way, and this is it; `status().loginUrl` is its URL. */
  readonly joined: boolean;
  /** When the new tunnel serves. Whoever does not wait need not catch. */
  readonly outcome: Promise<SetupResult>;
}

/** One setup at a time. Nobody who asks for it, and goes away, ends it. */
export interface SetupSession {
  /** Throws SETUP_IN_PROGRESS, or what is wrong with the parameters. */
  start(parameters: SetupParameters): StartedSetup;
  /** Resolves when everything is as before. False: there was none, or it was completed all the same. */
  cancel(): Promise<boolean>;
  status(): SetupStatus;
  /** What a killed process left: call once at start, after the journals of forwarding. Goes on in the background. */
  recover(unfinished: readonly JournalRecord[]): void;
  /** The daemon stops: resolves when nothing of it runs any more. What is staged is gone on with at the next start. */
  interrupt(): Promise<void>;
  /** Resolves when none runs, and nothing of one is left to tidy up. */
  settled(): Promise<void>;
}

interface Active {
  readonly parameters: SetupParameters;
  readonly cancel: AbortController;
  readonly outcome: Promise<SetupResult>;
  /** The new tunnel serves: another setup may be asked for, and follows. */
  published: boolean;
}

export function createSetupSession(given: SetupPorts): SetupSession {
  const { emit, status } = watchStatus(given.emit);
  const ports: SetupPorts = { ...given, emit };
  const stop = new AbortController();
  let active: Active | undefined;
  let last: Promise<unknown> = Promise.resolve();
  /** One could not take back what it did: it is tried again before the next one uses the staging directory. */
  let isLeft = false;

  const begin = (parameters: SetupParameters, published: boolean, go: (control: SetupControl) => Promise<SetupEnd>): Active => {
    const cancel = new AbortController();
    const outcome = createDeferred<SetupResult>();
    outcome.promise.catch(() => undefined); // events tell it to whoever does not wait
    const control: SetupControl = {
      cancel: cancel.signal,
      interrupt: stop.signal,
      onPublished: (result) => {
        setup.published = true;
        const { tunnel: { id, name, domain, joined }, tunnelExisted, setAside, warnings } = result;
        emit('setup.completed', { domain, tunnelId: id, tunnelName: name, tunnelExisted, joined, setAside: setAside.map(nameOf), warnings: [...warnings] });
        outcome.resolve(result);
      },
    };
    const ended = last.then(() => go(control)).finally(() => {
      if (active === setup) active = undefined;
    });
    const note = (end: SetupEnd): void => {
      isLeft = end.kind === 'failed' && !end.undone;
      outcome.reject(errorOf(end)); // after `resolve` this comes too late to count
    };
    last = ended.then(note, (thrown: unknown) => outcome.reject(toSupervisorError(thrown)));
    const setup: Active = { parameters, cancel, outcome: outcome.promise, published };
    active = setup;
    return setup;
  };

  return {
    start(parameters) {
      if (stop.signal.aborted) throw new SupervisorError('DAEMON_STOPPING', 'The daemon is stopping.');
      if (parameters.name !== undefined) checkTunnelName(parameters.name);
      if (parameters.certificate !== undefined) ports.openAccount(parameters.certificate);
      if (active !== undefined && !active.published) {
        if (sameParameters(active.parameters, parameters)) return { joined: true, outcome: active.outcome };
        throw new SupervisorError('SETUP_IN_PROGRESS', 'A setup with other parameters is under way.');
      }
      const { outcome } = begin(parameters, false, async (control) => {
        if (isLeft) await settleLeft(ports);
        return runSetup(ports, parameters, control);
      });
      return { joined: false, outcome };
    },
    async cancel() {
      const setup = active;
      if (setup === undefined || setup.published) return false;
      setup.cancel.abort(new SupervisorError('SETUP_CANCELLED', 'The setup was cancelled.'));
      return setup.outcome.then(() => false, (error: unknown) => toSupervisorError(error).code === 'SETUP_CANCELLED');
    },
    status,
    recover(unfinished) {
      for (const record of unfinished.filter(isSetup)) begin(readParameters(record.header.context), isCommitted(replayJournal(record)), (control) => recoverSetup(ports, record, control));
    },
    async interrupt() {
      stop.abort(new SupervisorError('DAEMON_STOPPING', 'The daemon is stopping.'));
      await last;
    },
    settled: async () => void (await last),
  };
}

const isSetup = (record: JournalRecord): record is JournalRecord<SetupStepData> => record.header.kind === 'setup';

function errorOf(end: SetupEnd): SupervisorError {
  if (end.kind === 'failed') return end.error;
  const goesOn = end.kind === 'completed' || end.goesOn;
  return new SupervisorError('DAEMON_STOPPING', goesOn ? 'The daemon stopped during the setup; the next one goes on with it.' : 'The daemon stopped before the login was done; start setup again.');
}

/**
 * Tries once more to take back what an earlier setup did. Where that fails again it is given up, and said: one thing
 * that is left must not keep this machine from being connected.
 */
async function settleLeft(ports: SetupPorts): Promise<void> {
  const never = new AbortController().signal;
  // Whoever watches the setup that begins must not take this one's failure for its own.
  const quiet: SetupPorts = { ...ports, emit: (type, data) => (type.startsWith('setup.') ? undefined : ports.emit(type, data)) };
  for (const record of (await ports.journals.unfinished()).filter(isSetup)) {
    const end = await recoverSetup(quiet, record, { cancel: AbortSignal.abort(new SupervisorError('SETUP_CANCELLED', 'Another setup begins.')), interrupt: never, onPublished: () => undefined });
    if (end.kind !== 'failed' || end.undone) continue;
    const journal = await ports.journals.reopen(record.header.change);
    await journal.close();
    ports.emit('daemon.warned', { code: 'TUNNEL_LEFT', message: `A tunnel that an earlier setup made may be left in the account: ${end.error.message}` });
  }
}
