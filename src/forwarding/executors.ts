import { DeadlineReached, withDeadline } from '../core/deadline.js';
import type { DnsChange, Warning } from '../core/dns.js';
import { SupervisorError } from '../core/errors.js';
import { tunnelTarget } from '../core/tunnel.js';
import { orAbandon } from '../transaction/abandon.js';
import { nothingToUndo, type Executor, type Executors } from '../transaction/executors.js';
import type { ChangeScope, StepOf } from './change-scope.js';
import { ChangeConnectors, retireConnectors, startConnector, verifyConnector } from './connector-steps.js';
import { hostnamesOf } from './revision-content.js';
import type { ForwardingStep } from './steps.js';
import { isTransient } from './transient.js';
import { revisionToServe } from './wants-connector.js';

/** Who carries out which step. The results are for the journal's reader; nothing is decided by them. */
export function forwardingExecutors(scope: ChangeScope): Executors<ForwardingStep> {
  const { revisions, connectors, artifacts, copies } = scope.ports;
  const mine = new ChangeConnectors(connectors);
  const isCurrent = (revision: number): boolean => revisions.current()?.revision === revision;

  return {
    'write-revision': {
      run: async ({ revision }) => {
        const content = scope.contents.get(revision);
        if (content === undefined) throw new SupervisorError('INTERNAL_FAULT', `The content of revision ${revision} is not known any more`);
        await revisions.write(content.revision, content.rendered.yaml);
      },
      undo: async ({ revision }) => {
        if (!isCurrent(revision)) await revisions.remove(revision);
      },
    },
    'install-artifacts': {
      run: ({ setup }) => artifacts.install(setup),
      undo: ({ setup }) => artifacts.restore(setup),
    },
    'stop-connectors': {
      volatile: true,
      run: async () => {
        await Promise.all(connectors.current().map((handle) => connectors.stop(handle)));
      },
      undo: async () => {
        const revision = revisionToServe(scope.ports.tunnel(), revisions.current());
        if (revision !== undefined) connectors.promote(revision);
      },
    },
    'start-connector': startConnector(scope, mine),
    'verify-connector': verifyConnector(scope, mine),
    'publish-record': publishRecord(scope),
    'commit-revision': {
      run: async ({ revision, base }) => {
        const inUse = connectors.current().map((handle) => handle.revision);
        await revisions.commit(revision, base === null ? inUse : [...inUse, base]);
      },
      undo: async ({ revision, base }) => {
        if (!isCurrent(revision)) return;
        if (base === null) await revisions.remove(revision);
        else await revisions.commit(base, [base, revision]);
      },
    },
    'promote-connector': {
      run: async ({ revision }) => {
        if (isCurrent(revision)) connectors.promote(revision);
      },
      undo: nothingToUndo,
    },
    'kill-connectors': {
      run: async (step) => {
        await Promise.all(connectors.current().filter((handle) => step.revisions.includes(handle.revision)).map((handle) => connectors.kill(handle)));
      },
      undo: nothingToUndo,
    },
    'retire-connectors': retireConnectors(scope, isCurrent),
    'write-copies': {
      run: async () => {
        const current = revisions.current();
        if (current !== undefined) scope.warnings.push(...(await copies.write(current)));
      },
      undo: nothingToUndo,
    },
    'drop-revision': {
      run: async ({ revision }) => {
        if (!isCurrent(revision)) await revisions.remove(revision);
      },
      undo: nothingToUndo,
    },
    'withdraw-record': withdrawRecord(scope),
    'forget-artifacts': {
      run: ({ setup }) => artifacts.forget(setup),
      undo: nothingToUndo,
    },
  };
}

/** Carries a change of DNS out while a withdrawal may go ahead. Waiting for our turn does not count as Cloudflare's being away. */
async function executeRecord({ ports, window }: ChangeScope, change: DnsChange, timeoutMs: number, signal: AbortSignal): Promise<readonly Warning[]> {
  const { dns, clock } = ports;
  return window.during(async () => {
    await dns.awaitTurn(signal);
    const { warnings } = await withDeadline(clock, timeoutMs, signal, (either) => dns.execute(change, either)).catch((error: unknown) => {
      throw error instanceof DeadlineReached ? cloudflareAway(change, error) : error;
    });
    return warnings;
  });
}

function publishRecord(scope: ChangeScope): Executor<StepOf<'publish-record'>> {
  const { dns, revisions } = scope.ports;
  /** What is committed needs it, whoever made it. */
  const isWanted = (change: DnsChange): boolean => {
    const current = revisions.current();
    return current !== undefined && 'content' in change && tunnelTarget(current.tunnelId) === change.content && hostnamesOf(current).includes(change.hostname);
  };
  return {
    run: async ({ change }, signal) => {
      const warnings = await executeRecord(scope, change, scope.limits.dnsTimeoutMs, signal);
      scope.warnings.push(...warnings);
      return warnings.length === 0 ? undefined : { warnings };
    },
    undo: async ({ change }, signal) => {
      if (isWanted(change)) return;
      scope.warnings.push(...(await scope.window.during(() => orAbandon(signal, dns.undo(change, signal)))).warnings);
    },
    owing: {
      isAway: isTransient,
      // A check of drift may be there before the next start.
      note: async ({ change }) => {
        if (isWanted(change)) return undefined;
        await dns.owe(change).catch(() => undefined); // the undo has failed already, and is reported
        return `the DNS record of ${change.hostname}`;
      },
    },
  };
}

function withdrawRecord(scope: ChangeScope): Executor<StepOf<'withdraw-record'>> {
  const { revisions } = scope.ports;
  let isAway = false;
  return {
    run: async ({ change }, signal) => {
      const current = revisions.current();
      if (current !== undefined && hostnamesOf(current).includes(change.hostname)) return; // published again since
      try {
        if (isAway) return await owe(scope, change);
        scope.warnings.push(...(await executeRecord(scope, change, scope.limits.withdrawTimeoutMs, signal)));
      } catch (error) {
        if (signal.aborted) throw error;
        isAway = isTransient(error); // the others would wait in vain too
        await owe(scope, change);
      }
    },
    undo: nothingToUndo,
  };
}

const cloudflareAway = ({ hostname }: DnsChange, reached: DeadlineReached): SupervisorError =>
  new SupervisorError('CLOUDFLARE_UNREACHABLE', `The DNS record of ${hostname} could not be changed within ${reached.afterMs / 1000} s`, { cause: reached });

async function owe({ ports, warnings }: ChangeScope, change: DnsChange): Promise<void> {
  await ports.dns.owe(change);
  const { hostname } = change;
  warnings.push({ code: 'DNS_REMOVAL_OWED', hostname, message: `The DNS record of ${hostname} could not be removed now; it is tried again by itself.` });
}
