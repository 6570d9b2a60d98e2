import { SupervisorError } from '../core/errors.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import { openStaged } from './authorise.js';
import { provideTunnel, removeMadeTunnel } from './create-tunnel.js';
import { NO_ZONE } from './no-zone.js';
import type { CloudflareAccount, InstalledTunnel, SetupPorts } from './ports.js';
import type { SetupRun } from './setup-run.js';
import { chooseTunnelName } from './tunnel-name.js';

/** Puts a tunnel, its credentials, and what it will replace into the staging directory. */
export async function stageTunnel(ports: SetupPorts, run: SetupRun, signal: AbortSignal): Promise<{ readonly identity: TunnelIdentity; readonly existed: boolean }> {
  const { zone, parameters } = run;
  if (zone === undefined) throw new SupervisorError('INTERNAL_FAULT', 'There is no zone to make a tunnel for.');
  const account = await openStaged(ports);
  const installed = await ports.installed();
  const name = parameters.name === undefined ? ((await findInstalledName(account, installed, signal)) ?? chooseTunnelName(undefined, await ports.nameSource())) : chooseTunnelName(parameters.name, await ports.nameSource());
  const { tunnel, credentials, existed, madeByUs, joined } = await provideTunnel(ports, { account, name, join: parameters.join ?? false, installed }, signal);
  const identity: TunnelIdentity = { id: tunnel.id, name: tunnel.name, accountId: account.certificate.accountId, zoneId: zone.id, domain: zone.name, madeByUs, joined };
  await keepPrevious(ports, installed, identity);
  await ports.staging.writeTunnel({ identity, credentials });
  return { identity, existed };
}

/** Deletes the tunnel if this setup made it and nobody uses it yet; then everything that was staged. */
export async function unstageTunnel(ports: SetupPorts, signal: AbortSignal): Promise<void> {
  const [pem, intent, installed] = await Promise.all([ports.staging.readCertificate(), ports.staging.readIntent(), ports.installed()]);
  if (pem !== undefined && intent !== undefined) await removeMadeTunnel(ports.openAccount(pem), intent, installed?.identity.id, signal);
  await ports.staging.clear();
  await ports.retired.prune();
}

/** A tunnel that was taken over without a certificate is stayed on; only now its name can be asked for. */
async function findInstalledName(account: CloudflareAccount, installed: InstalledTunnel | undefined, signal: AbortSignal): Promise<string | undefined> {
  if (installed === undefined || installed.identity.zoneId !== NO_ZONE || installed.identity.accountId !== account.certificate.accountId) return undefined;
  return (await account.readTunnel(installed.identity.id, signal))?.name;
}

/** The old certificate opens the old zone until the last of our records has left it. */
export async function keepPrevious(ports: SetupPorts, installed: InstalledTunnel | undefined, next: TunnelIdentity): Promise<void> {
  if (installed === undefined) return;
  const { identity, certificate } = installed;
  if (identity.id === next.id && identity.zoneId === next.zoneId) return;
  await ports.staging.writePrevious(installed);
  if (identity.zoneId !== next.zoneId && certificate !== undefined) await ports.retired.keep(certificate);
}
