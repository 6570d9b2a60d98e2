import type { DnsChange, LedgerEntry, Warning } from '../core/dns.js';
import { withDeadline } from '../core/deadline.js';
import { quote } from '../core/parsed.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import { nothingToUndo, type Executors } from '../transaction/executors.js';
import { isAlone } from './is-alone.js';
import type { CloudflareAccount, DisconnectPorts, InstalledTunnel } from './ports.js';

/** What disconnecting does, as data: each record is a step of its own, so that a kill between two is survived. */
export type DisconnectStep =
  /** Before anything stops: is Cloudflare there, and does it accept the certificate? */
  | { readonly kind: 'check-account'; readonly tunnelId: string }
  | { readonly kind: 'stop-connectors' }
  | { readonly kind: 'remove-record'; readonly change: DnsChange }
  | { readonly kind: 'delete-tunnel'; readonly tunnel: TunnelIdentity }
  | { readonly kind: 'remove-artifacts'; readonly tunnel: TunnelIdentity };

const REQUEST_TIMEOUT_MS = 60_000;

/** Pure. A machine that joined deletes neither records nor the tunnel. */
export function planDisconnect({ identity, certificate }: InstalledTunnel, ledger: readonly LedgerEntry[]): readonly DisconnectStep[] {
  const records = ledger.map(
    (entry): DisconnectStep => ({ kind: 'remove-record', change: { kind: identity.joined ? 'forget-record' : 'delete-record', hostname: entry.hostname, entry } }),
  );
  const deletesTunnel = identity.madeByUs && !identity.joined;
  const needsAccount = certificate !== undefined && (deletesTunnel || (records.length > 0 && !identity.joined));
  return [
    ...(needsAccount ? [{ kind: 'check-account', tunnelId: identity.id } as const] : []),
    { kind: 'stop-connectors' },
    ...records,
    ...(deletesTunnel ? [{ kind: 'delete-tunnel', tunnel: identity } as const] : []),
    { kind: 'remove-artifacts', tunnel: identity },
  ];
}

/** Whoever gets `warnings` is told what is left. */
export function createDisconnectExecutors(ports: DisconnectPorts, warnings: Warning[]): Executors<DisconnectStep> {
  /** Waiting for our turn does not count as Cloudflare's being away: hundreds of names are more requests than it allows at once. */
  const limited = async <T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    await ports.dns.awaitTurn(signal);
    return withDeadline(ports.clock, REQUEST_TIMEOUT_MS, signal, work);
  };
  const openAccount = async (): Promise<CloudflareAccount | undefined> => {
    const certificate = (await ports.installed())?.certificate;
    return certificate === undefined ? undefined : ports.openAccount(certificate);
  };

  return {
    'check-account': {
      run: async ({ tunnelId }, signal) => {
        const account = await openAccount();
        if (account !== undefined) await limited(signal, (inTime) => account.listConnectors(tunnelId, inTime));
        return undefined;
      },
      undo: nothingToUndo,
    },
    'stop-connectors': {
      // Another process finds the connectors of the dead one, and has to stop them again.
      volatile: true,
      run: async () => ports.connectors.stopAll(),
      undo: async () => ports.connectors.startAll(),
    },
    'remove-record': {
      run: async ({ change }, signal) => {
        const outcome = await limited(signal, (inTime) => ports.dns.execute(change, inTime));
        warnings.push(...outcome.warnings);
        return undefined;
      },
      undo: async ({ change }, signal) => {
        await ports.dns.undo(change, signal);
      },
    },
    'delete-tunnel': {
      run: async ({ tunnel }, signal) => {
        const account = await openAccount();
        if (account === undefined) {
          warnings.push(left(tunnel, 'its certificate is lost'));
          return undefined;
        }
        await limited(signal, async (inTime) => {
          if (await isAlone(ports.clock, account, tunnel.id, inTime)) await account.deleteTunnel(tunnel.id, inTime);
          else warnings.push(left(tunnel, 'others are connected to it'));
        });
        return undefined;
      },
      undo: nothingToUndo,
    },
    'remove-artifacts': { run: async ({ tunnel }) => ports.removeArtifacts(tunnel), undo: nothingToUndo },
  };
}

const left = (tunnel: TunnelIdentity, why: string): Warning => ({ code: 'TUNNEL_LEFT', message: `The tunnel ${quote(tunnel.name)} (${tunnel.id}) is left in the account: ${why}.` });
