import type { DnsChange, LedgerEntry, Warning } from '../core/dns.js';
import { withDeadline } from '../core/deadline.js';
import { quote } from '../core/parsed.js';
import { tunnelTarget, type TunnelIdentity } from '../core/tunnel.js';
import { nothingToUndo, type Executors } from '../transaction/executors.js';
import { isAlone } from './is-alone.js';
import type { CloudflareAccount, DisconnectPorts, InstalledTunnel } from './ports.js';

/** What disconnecting does, as data: each record is a step of its own, so that a kill between two is survived. */
export type DisconnectStep =
  | { readonly kind: 'stop-connectors' }
  | { readonly kind: 'remove-record'; readonly change: DnsChange }
  | { readonly kind: 'delete-tunnel'; readonly tunnel: TunnelIdentity }
  /** What would be deleted otherwise stays, and these records with it: says so. */
  | { readonly kind: 'leave-tunnel'; readonly tunnel: TunnelIdentity; readonly hostnames: readonly string[]; readonly why: LeaveReason }
  | { readonly kind: 'remove-artifacts'; readonly tunnel: TunnelIdentity };

/** `unknown`: nobody can be asked whether others are connected. */
export type LeaveReason = 'joined' | 'shared' | 'unknown';

const REQUEST_TIMEOUT_MS = 60_000;

/**
 * Why tunnel and records must stay; undefined where both are ours alone. Asks the account where that is what decides, and
 * rejects where it does not answer: nothing has stopped yet.
 */
export async function findReasonToLeave(ports: DisconnectPorts, { identity, certificate }: InstalledTunnel, signal: AbortSignal): Promise<LeaveReason | undefined> {
  if (identity.joined) return 'joined';
  if (!identity.madeByUs && ports.ledger().length === 0) return undefined;
  if (certificate === undefined) return 'unknown';
  const account = ports.openAccount(certificate);
  const ours = await ports.knownConnectors();
  return (await inTime(ports, signal, (limited) => isAlone(ports.clock, account, identity.id, limited, ours))) ? undefined : 'shared';
}

/** Pure. What others may serve with is neither removed nor owed: the ledger forgets it, so that nobody removes it later. */
export function planDisconnect({ identity }: InstalledTunnel, ledger: readonly LedgerEntry[], reason: LeaveReason | undefined): readonly DisconnectStep[] {
  const stays = ({ content }: LedgerEntry): boolean => reason === 'joined' || (reason !== undefined && content === tunnelTarget(identity.id));
  const records = ledger.map((entry): DisconnectStep => ({ kind: 'remove-record', change: { kind: stays(entry) ? 'forget-record' : 'delete-record', hostname: entry.hostname, entry } }));
  const hostnames = ledger.filter(stays).map(({ hostname }) => hostname);
  const deletesTunnel = identity.madeByUs && !identity.joined;
  return [
    { kind: 'stop-connectors' },
    ...records,
    ...(deletesTunnel && reason === undefined ? [{ kind: 'delete-tunnel', tunnel: identity } as const] : []),
    ...(reason !== undefined && (deletesTunnel || hostnames.length > 0) ? [{ kind: 'leave-tunnel', tunnel: identity, hostnames, why: reason } as const] : []),
    { kind: 'remove-artifacts', tunnel: identity },
  ];
}

/** What the plan leaves, for people. */
export const warningsOf = (plan: readonly DisconnectStep[]): readonly Warning[] => plan.flatMap((step) => (step.kind === 'leave-tunnel' ? [warnOf(step)] : []));

/** Whoever gets `warnings` is told what is left. */
export function createDisconnectExecutors(ports: DisconnectPorts, warnings: Warning[]): Executors<DisconnectStep> {
  const openAccount = async (): Promise<CloudflareAccount | undefined> => {
    const certificate = (await ports.installed())?.certificate;
    return certificate === undefined ? undefined : ports.openAccount(certificate);
  };
  let shared: boolean | undefined;
  /** All of ours have ended: somebody may have come since the plan. Asked once. */
  const isShared = async (signal: AbortSignal): Promise<boolean> => {
    if (shared !== undefined) return shared;
    const [account, installed] = [await openAccount(), await ports.installed()];
    shared = account === undefined || installed === undefined || !(await inTime(ports, signal, (limited) => isAlone(ports.clock, account, installed.identity.id, limited)));
    return shared;
  };
  /** What would be removed, unless others serve with it by now. */
  const settle = async (change: DnsChange, signal: AbortSignal): Promise<DnsChange> => {
    if (change.kind !== 'delete-record' || change.entry.content !== (await ourTarget(ports))) return change;
    return (await isShared(signal)) ? { ...change, kind: 'forget-record' } : change;
  };

  return {
    'stop-connectors': {
      // Another process finds the connectors of the dead one, and has to stop them again.
      volatile: true,
      run: async () => ports.connectors.stopAll(),
      undo: async () => ports.connectors.startAll(),
    },
    'remove-record': {
      run: async ({ change }, signal) => {
        const settled = await settle(change, signal);
        const outcome = await inTime(ports, signal, (limited) => ports.dns.execute(settled, limited));
        // What the plan leaves is said once, for all names.
        if (change.kind !== 'forget-record') warnings.push(...outcome.warnings);
        return undefined;
      },
      undo: async ({ change }, signal) => {
        await ports.dns.undo(change, signal);
      },
    },
    'delete-tunnel': {
      run: async ({ tunnel }, signal) => {
        const account = await openAccount();
        if (account === undefined) warnings.push(warnOf({ tunnel, hostnames: [], why: 'unknown' }));
        else if (await isShared(signal)) warnings.push(warnOf({ tunnel, hostnames: [], why: 'shared' }));
        else await inTime(ports, signal, (limited) => account.deleteTunnel(tunnel.id, limited));
        return undefined;
      },
      undo: nothingToUndo,
    },
    'leave-tunnel': {
      run: async (step) => void warnings.push(warnOf(step)),
      undo: nothingToUndo,
    },
    'remove-artifacts': { run: async ({ tunnel }) => ports.removeArtifacts(tunnel), undo: nothingToUndo },
  };
}

/** Waiting for our turn does not count as Cloudflare's being away: hundreds of names are more requests than it allows at once. */
async function inTime<T>({ dns, clock }: DisconnectPorts, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  await dns.awaitTurn(signal);
  return withDeadline(clock, REQUEST_TIMEOUT_MS, signal, work);
}

async function ourTarget(ports: DisconnectPorts): Promise<string | undefined> {
  const installed = await ports.installed();
  return installed && tunnelTarget(installed.identity.id);
}

const REASONS: Readonly<Record<LeaveReason, string>> = {
  joined: 'this machine joined it, and others may serve with it',
  shared: 'others are connected to it',
  unknown: 'its certificate is lost, so that nobody can be asked whether others are connected to it',
};

function warnOf({ tunnel, hostnames, why }: Pick<Extract<DisconnectStep, { readonly kind: 'leave-tunnel' }>, 'tunnel' | 'hostnames' | 'why'>): Warning {
  const records = hostnames.length === 0 ? '' : `, and with it the DNS record${hostnames.length === 1 ? '' : 's'} of ${hostnames.join(', ')}`;
  return { code: 'TUNNEL_LEFT', message: `The tunnel ${quote(tunnel.name)} (${tunnel.id}) is left in the account${records}: ${REASONS[why]}.` };
}
