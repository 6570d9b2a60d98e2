import { DeadlineReached, withDeadline } from '../core/deadline.js';
import type { Warning } from '../core/dns.js';
import { SupervisorError } from '../core/errors.js';
import type { IngressRule } from '../core/ingress.js';
import { orAbandon } from '../transaction/abandon.js';
import { nothingToUndo, type Executor } from '../transaction/executors.js';
import type { ChangeScope, StepOf } from './change-scope.js';
import type { ConnectorHandle, Connectors } from './ports.js';
import { readStoredIngress } from './stored-ingress.js';
import { mayGoUnproven } from './verify-removal.js';

/** How the connector of a revision is started and proven, and how those before it go. */

/** The connectors that a change starts: its own to take back, also where one is given up, and so not among the current ones. */
export class ChangeConnectors {
  readonly #connectors: Connectors;
  #started: readonly ConnectorHandle[] = [];

  constructor(connectors: Connectors) {
    this.#connectors = connectors;
  }

  on(revision: number): ConnectorHandle | undefined {
    return this.#connectors.current().findLast((handle) => handle.revision === revision);
  }

  async start(revision: number): Promise<ConnectorHandle> {
    const present = this.on(revision);
    if (present !== undefined) return present;
    await this.takeBack(revision);
    const handle = await this.#connectors.start(revision);
    this.#started = [...this.#started, handle];
    return handle;
  }

  async takeBack(revision: number): Promise<void> {
    const isOf = (handle: ConnectorHandle): boolean => handle.revision === revision;
    const current = this.#connectors.current().filter(isOf);
    const givenUp = this.#started.filter((handle) => isOf(handle) && !current.some(({ id }) => id === handle.id));
    this.#started = this.#started.filter((handle) => !isOf(handle));
    await Promise.all([...current, ...givenUp].map((handle) => this.#connectors.retire(handle)));
  }
}

export function startConnector({ ports, limits }: ChangeScope, mine: ChangeConnectors): Executor<StepOf<'start-connector'>> {
  const { clock } = ports;
  return {
    volatile: true,
    run: async ({ revision, urgent }, signal) => {
      const start = async (): Promise<{ readonly pid: number }> => ({ pid: (await mine.start(revision)).pid });
      if (!urgent) return start();
      return withDeadline(clock, limits.killAfterMs, signal, (either) => orAbandon(either, start())).catch((error: unknown) => {
        throw error instanceof DeadlineReached ? notReady(revision, error) : error;
      });
    },
    undo: ({ revision }) => mine.takeBack(revision),
  };
}

export function verifyConnector(scope: ChangeScope, mine: ChangeConnectors): Executor<StepOf<'verify-connector'>> {
  const { ports, limits } = scope;
  const { connectors } = ports;
  return {
    volatile: true,
    run: async ({ revision, urgent, removal }, signal) => {
      const handle = urgent ? mine.on(revision) : await mine.start(revision);
      if (handle === undefined) throw new SupervisorError('CONNECTOR_CRASHED', `The connector of revision ${revision} is gone`);
      const expected = await expectedIngress(scope, revision);
      const prove = (ms: number): Promise<void> => withDeadline(ports.clock, ms, signal, (either) => connectors.verify(handle, expected, either));
      const orNotReady = (error: unknown): never => {
        throw error instanceof DeadlineReached ? notReady(revision, error) : error;
      };
      const timeoutMs = urgent ? limits.killAfterMs : limits.verifyTimeoutMs;
      if (removal !== true) return prove(timeoutMs).catch(orNotReady);
      const soonMs = Math.min(limits.removalTimeoutMs, timeoutMs);
      return prove(soonMs).catch(async (error: unknown) => {
        const others = connectors.current().filter((other) => other.revision !== revision);
        const expectations = await Promise.all(others.map(async (other) => ({ handle: other, ingress: await expectedIngress(scope, other.revision).catch(() => undefined) })));
        if (await mayGoUnproven(error, expectations, { connectors, clock: ports.clock, signal })) scope.warnings.push(UNPROVEN);
        else if (error instanceof DeadlineReached && timeoutMs > soonMs) await prove(timeoutMs - soonMs).catch(orNotReady);
        else orNotReady(error);
      });
    },
    undo: nothingToUndo,
  };
}

/** Proven, it may have ended before it was promoted: then it is started again, and those before it serve until it does. */
export function retireConnectors({ ports, limits, window }: ChangeScope, isCurrent: (revision: number) => boolean): Executor<StepOf<'retire-connectors'>> {
  const { connectors, clock } = ports;
  return {
    run: async ({ revision, keep, urgent }, signal) => {
      if (!isCurrent(revision)) return; // found in the journal of a change that others followed
      const leaving = connectors.current().filter((handle) => !keep.includes(handle.revision));
      if (urgent !== true && leaving.length > 0) {
        const succeeded = window.during(() => withDeadline(clock, limits.successorTimeoutMs, signal, (either) => connectors.awaitSuccessor(leaving, either)));
        await succeeded.catch((error: unknown) => {
          if (!(error instanceof DeadlineReached)) throw error;
        });
      }
      await Promise.all(leaving.map((handle) => connectors.retire(handle)));
    },
    undo: nothingToUndo,
  };
}

const UNPROVEN: Warning = { code: 'REMOVED_UNPROVEN', message: "Cloudflare's edge cannot be reached, so nothing is served now; the rules are removed, and the others are served when it is back." };

const notReady = (revision: number, reached: DeadlineReached): SupervisorError =>
  new SupervisorError('CONNECTOR_NOT_READY', `The connector of revision ${revision} was not ready within ${reached.afterMs / 1000} s`, { cause: reached });

async function expectedIngress({ contents, ports }: ChangeScope, revision: number): Promise<readonly IngressRule[]> {
  const planned = contents.get(revision);
  if (planned !== undefined) return planned.rendered.ingress;
  const stored = await ports.revisions.read(revision);
  if (stored === undefined) throw new SupervisorError('REVISION_UNKNOWN', `Revision ${revision} is not there any more`);
  return readStoredIngress(stored);
}
