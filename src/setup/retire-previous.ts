import { withDeadline } from '../core/deadline.js';
import type { Warning } from '../core/dns.js';
import { quote } from '../core/parsed.js';
import { toSupervisorError } from '../core/errors.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import { openStaged } from './authorise.js';
import { isAlone } from './is-alone.js';
import type { CloudflareAccount, InstalledTunnel, SetupPorts } from './ports.js';

/** Longer than the longest grace period that cloudflared takes. */
const DRAIN_TIMEOUT_MS = 240_000;
const DELETE_TIMEOUT_MS = 60_000;

export type RetirePorts = Pick<SetupPorts, 'staging' | 'openAccount' | 'retired' | 'drained' | 'removeCredentials' | 'clock'>;

/**
 * After the new tunnel serves: deletes the old one, if we made it and nothing else is connected to it, and forgets its
 * credentials. Our records in the old zone went with the publishing, or are owed; its certificate stays for as long as
 * they are.
 */
export async function retirePrevious(ports: RetirePorts, signal: AbortSignal): Promise<readonly Warning[]> {
  const [previous, staged] = await Promise.all([ports.staging.readPrevious(), ports.staging.readTunnel()]);
  if (previous === undefined || staged === undefined) return [];
  const warnings = previous.identity.id === staged.identity.id ? [] : await retireTunnel(ports, previous, staged.identity, signal);
  await ports.retired.prune();
  return warnings;
}

async function retireTunnel(ports: RetirePorts, previous: InstalledTunnel, next: TunnelIdentity, signal: AbortSignal): Promise<readonly Warning[]> {
  const { identity } = previous;
  try {
    // What is in flight over the old tunnel ends before it goes.
    await withDeadline(ports.clock, DRAIN_TIMEOUT_MS, signal, (inTime) => ports.drained(inTime));
    await ports.removeCredentials(identity.id);
    if (!identity.madeByUs || identity.joined) return [];
    const account = await openPrevious(ports, previous, next);
    if (account === undefined) return [left(identity, 'its certificate is lost')];
    return await withDeadline(ports.clock, DELETE_TIMEOUT_MS, signal, async (inTime) => {
      if (!(await isAlone(ports.clock, account, identity.id, inTime))) return [left(identity, 'others are connected to it')];
      await account.deleteTunnel(identity.id, inTime);
      return [];
    });
  } catch (thrown) {
    // The new tunnel serves; that the old one stays is no failure of the setup. A daemon that stops goes on later.
    if (signal.aborted) throw thrown;
    return [left(identity, toSupervisorError(thrown).message)];
  }
}

/** The new certificate where it is for the same account: the old one may be revoked, which may be why we are here. */
async function openPrevious(ports: RetirePorts, previous: InstalledTunnel, next: TunnelIdentity): Promise<CloudflareAccount | undefined> {
  if (previous.identity.accountId === next.accountId) return openStaged(ports);
  return previous.certificate === undefined ? undefined : ports.openAccount(previous.certificate);
}

const left = (identity: TunnelIdentity, why: string): Warning => ({ code: 'TUNNEL_LEFT', message: `The tunnel ${quote(identity.name)} (${identity.id}) that served before is left in the account: ${why}.` });
