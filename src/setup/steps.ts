import { withDeadline } from '../core/deadline.js';
import { SupervisorError } from '../core/errors.js';
import { SETUP_STEPS, type SetupStep } from '../core/status.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import { nothingToUndo, type Executor, type Executors } from '../transaction/executors.js';
import { bringAdoption, findAdoptedZone, stageAdopted } from './adopt.js';
import { authorise, openStaged } from './authorise.js';
import { findZone } from './find-zone.js';
import type { SetupResult } from './parameters.js';
import type { PublishOutcome, SetupPorts, Zone } from './ports.js';
import { retirePrevious } from './retire-previous.js';
import { warnOfSetAside } from './set-aside.js';
import type { SetupRun } from './setup-run.js';
import { stageTunnel, unstageTunnel } from './stage-tunnel.js';

/** The steps of a setup and who carries them out. `retire-previous` comes after the commit, and nobody waits for it. */
export const SETUP_PLAN = [...SETUP_STEPS, 'retire-previous'] as const;

export type SetupStepData = { [K in (typeof SETUP_PLAN)[number]]: { readonly kind: K } }[(typeof SETUP_PLAN)[number]];

/** How long Cloudflare may be away during one of our steps. */
const ACCOUNT_TIMEOUT_MS = 120_000;

export function createSetupExecutors(ports: SetupPorts, run: SetupRun): Executors<SetupStepData> {
  const asked = (kind: SetupStep, work: (signal: AbortSignal) => Promise<{ readonly detail: string; readonly result?: unknown }>): Executor<SetupStepData>['run'] =>
    async (_step, outer) => {
      const signal = AbortSignal.any([outer, run.cancel]);
      signal.throwIfAborted();
      run.step = kind;
      ports.emit('setup.step-started', { step: kind });
      const { detail, result } = await work(signal);
      ports.emit('setup.step-completed', { step: kind, detail });
      return result;
    };
  const limited = <T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => withDeadline(ports.clock, ACCOUNT_TIMEOUT_MS, signal, work);

  return {
    'find-binary': {
      // A binary that was found may be gone when another process goes on.
      volatile: true,
      run: asked('find-binary', async (signal) => {
        run.binary = await ports.binary.find(signal, (message) => ports.emit('setup.step-waiting', { step: 'find-binary', message }));
        return { detail: run.binary.version, result: run.binary };
      }),
      undo: nothingToUndo,
    },
    'log-in': {
      run: asked('log-in', async (signal) => {
        if (run.adopts) {
          const { tunnelName, tunnelId } = await bringAdoption(ports, run);
          return { detail: `not needed for the tunnel ${tunnelName ?? tunnelId ?? ''}` };
        }
        const account = await authorise(ports, run, signal);
        const { zoneId } = account.certificate;
        ports.emit('login.completed', { zoneId });
        return { detail: `certificate of zone ${zoneId}`, result: { zoneId } };
      }),
      undo: async () => {
        await ports.login.sweep();
        // With an intent there may be a tunnel: what is staged is needed to delete it, and goes with that.
        if ((await ports.staging.readIntent()) === undefined) await ports.staging.clear();
      },
    },
    'find-zone': {
      run: asked('find-zone', async (signal) => {
        run.zone = await limited(signal, (inTime) => (run.adopts ? findAdoptedZone(ports, run, inTime) : findLoggedInZone(ports, run, inTime)));
        return { detail: run.zone.name, result: run.zone };
      }),
      undo: nothingToUndo,
    },
    'create-tunnel': {
      run: asked('create-tunnel', async (signal) => {
        const { identity, existed } = await limited(signal, (inTime) => (run.adopts ? stageAdopted : stageTunnel)(ports, run, inTime));
        run.existed = existed;
        return { detail: describeTunnel(identity, existed), result: { tunnelId: identity.id, existed } };
      }),
      undo: (_step, signal) => unstageTunnel(ports, signal),
    },
    publish: {
      run: asked('publish', async (signal) => {
        const staged = await ports.staging.readTunnel();
        if (staged === undefined) throw new SupervisorError('INTERNAL_FAULT', 'There is no staged tunnel to publish on.');
        const brought = run.adopts ? { rules: (await ports.staging.readAdoption())?.rules ?? [] } : {};
        const outcome = await ports.publish({ change: run.change, tunnel: staged.identity, takeover: run.parameters.takeover ?? false, ...brought }, signal);
        run.onPublished(toResult(run, staged.identity, outcome));
        return { detail: `revision ${outcome.revision}`, result: { revision: outcome.revision } };
      }),
      // Publishing is a change of its own, and undid itself.
      undo: nothingToUndo,
    },
    'retire-previous': {
      run: async (_step, signal) => {
        for (const warning of await retirePrevious(ports, signal)) ports.emit('daemon.warned', warning);
        await ports.staging.clear();
        return undefined;
      },
      undo: nothingToUndo,
    },
  };
}

async function findLoggedInZone(ports: SetupPorts, run: SetupRun, signal: AbortSignal): Promise<Zone> {
  const [account, installed] = await Promise.all([openStaged(ports), ports.installed()]);
  return findZone(account, run.parameters.domain, installed, signal);
}

function describeTunnel({ name, joined }: TunnelIdentity, existed: boolean): string {
  if (!existed) return `made ${name}`;
  return joined ? `joined ${name}` : `${name}, which was there already`;
}

function toResult(run: SetupRun, tunnel: TunnelIdentity, outcome: PublishOutcome): SetupResult {
  return { tunnel, tunnelExisted: run.existed, cloudflaredVersion: run.binary?.version ?? '', ...outcome, warnings: [...run.warnings, ...warnOfSetAside(outcome, tunnel.domain), ...outcome.warnings] };
}
