import { SupervisorError } from '../core/errors.js';
import { quote } from '../core/parsed.js';
import type { TunnelCredentials, TunnelIdentity } from '../core/tunnel.js';
import { findZone } from './find-zone.js';
import { NO_ZONE } from './no-zone.js';
import type { AccountTunnel, Adoption, CloudflareAccount, InstalledTunnel, SetupPorts, Zone } from './ports.js';
import type { SetupRun } from './setup-run.js';
import { keepPrevious } from './stage-tunnel.js';

/**
 * Taking the place of a connector that others run here: the steps of a setup in which nobody logs in and no tunnel is
 * made. The old connector is not touched; both serve side by side until somebody stops it.
 */

/** Stages what was brought: after that, another process can go on. */
export async function bringAdoption(ports: SetupPorts, run: SetupRun): Promise<Adoption> {
  if (run.recovered) return needAdoption(ports);
  const { adoption, certificate } = run.parameters;
  if (adoption === undefined) throw new SupervisorError('INTERNAL_FAULT', 'There is nothing to take over.');
  await ports.staging.clear();
  if (certificate !== undefined) await ports.staging.writeCertificate(certificate);
  await ports.staging.writeAdoption(adoption);
  return adoption;
}

/** The zone of the certificate. Without one there is a domain and no zone: DNS is not ours to manage. */
export async function findAdoptedZone(ports: SetupPorts, run: SetupRun, signal: AbortSignal): Promise<Zone> {
  const { likelyDomain } = await needAdoption(ports);
  const { domain } = run.parameters;
  const account = await openBrought(ports);
  if (account !== undefined) return await findZone(account, domain, await ports.installed(), signal).catch((thrown: unknown) => settleFor(thrown, account, likelyDomain));
  const name = domain ?? likelyDomain;
  if (name === undefined) throw new SupervisorError('ZONE_FORBIDDEN', 'There is no certificate that says which domain this is, and the rules do not either.', { hint: 'Name the domain with --domain.' });
  return { id: NO_ZONE, name };
}

/** A token that may not read its zone may do the rest all the same; one that is not accepted is better left out. */
function settleFor(thrown: unknown, { certificate }: CloudflareAccount, likelyDomain: string | undefined): Zone {
  if (!(thrown instanceof SupervisorError)) throw thrown;
  if (thrown.code === 'ZONE_FORBIDDEN' && likelyDomain !== undefined) return { id: certificate.zoneId, name: likelyDomain };
  if (thrown.code !== 'ORIGIN_CERT_REFUSED') throw thrown;
  throw new SupervisorError(thrown.code, thrown.message, { hint: 'Take the tunnel over without the certificate (`import --apply --without-certificate`), and run `setup` to log in when DNS is to be managed.', cause: thrown });
}

/** The tunnel as it is, with the credentials that it has. */
export async function stageAdopted(ports: SetupPorts, run: SetupRun, signal: AbortSignal): Promise<{ readonly identity: TunnelIdentity; readonly existed: boolean }> {
  const { zone } = run;
  if (zone === undefined) throw new SupervisorError('INTERNAL_FAULT', 'There is no zone to take a tunnel over in.');
  const [adoption, account, installed] = await Promise.all([needAdoption(ports), openBrought(ports), ports.installed()]);
  const found = account === undefined ? undefined : await needTunnel(account, adoption, signal);
  const credentials = adoption.credentials ?? (await fetchCredentials(account, found, signal));
  refuseOther(installed, credentials.tunnelId);
  if (account !== undefined && account.certificate.accountId !== credentials.accountTag) {
    throw new SupervisorError('ORIGIN_CERT_INVALID', `The certificate is for the account ${account.certificate.accountId}, and the tunnel is one of ${credentials.accountTag}.`, { hint: 'Bring the certificate of the tunnel\'s account, or none.' });
  }
  const isInstalled = installed !== undefined;
  const identity: TunnelIdentity = {
    id: credentials.tunnelId,
    name: found?.name ?? adoption.tunnelName ?? (installed?.identity.name ?? credentials.tunnelId),
    accountId: credentials.accountTag,
    zoneId: zone.id,
    domain: zone.name,
    madeByUs: isInstalled && installed.identity.madeByUs,
    joined: (isInstalled && installed.identity.joined) || (account !== undefined && (await hasStrangers(ports, run, account, adoption, credentials.tunnelId, signal))),
  };
  await keepPrevious(ports, installed, identity);
  await ports.staging.writeTunnel({ identity, credentials });
  return { identity, existed: true };
}

async function needAdoption(ports: SetupPorts): Promise<Adoption> {
  const adoption = await ports.staging.readAdoption();
  if (adoption === undefined) throw new SupervisorError('INTERRUPTED', 'The supervisor was ended before it had written down what to take over; start again.');
  return adoption;
}

async function openBrought({ staging, openAccount }: SetupPorts): Promise<CloudflareAccount | undefined> {
  const pem = await staging.readCertificate();
  return pem === undefined ? undefined : openAccount(pem);
}

async function needTunnel(account: CloudflareAccount, { tunnelId, tunnelName }: Adoption, signal: AbortSignal): Promise<AccountTunnel> {
  const found = tunnelId === undefined ? await account.findTunnel(tunnelName ?? '', signal) : await account.readTunnel(tunnelId, signal);
  const called = quote(tunnelName ?? tunnelId ?? '');
  if (found === undefined) throw new SupervisorError('TUNNEL_DELETED', `The account of the certificate has no tunnel ${called}.`, { hint: 'Connect the domain anew with `setup`.' });
  if (found.remote) throw new SupervisorError('TUNNEL_REMOTE', `The rules of the tunnel ${called} are managed at Cloudflare.`);
  return found;
}

async function fetchCredentials(account: CloudflareAccount | undefined, found: AccountTunnel | undefined, signal: AbortSignal): Promise<TunnelCredentials> {
  if (account === undefined || found === undefined) throw new SupervisorError('CREDENTIALS_MISSING', 'There are neither credentials of the tunnel nor a certificate to fetch them with.', { hint: 'Give the service user the right to read them, or run the command as root.' });
  return account.fetchCredentials(found.id, signal);
}

/** Leaving one tunnel for another is a setup's work: it moves names, and retires what it leaves. */
function refuseOther(installed: InstalledTunnel | undefined, tunnelId: string): void {
  if (installed === undefined || installed.identity.id === tunnelId) return;
  throw new SupervisorError('TUNNEL_CONNECTED', `This machine is connected through the tunnel ${quote(installed.identity.name)} (${installed.identity.id}) already.`);
}

/** Other machines rely on the tunnel and its records: then nothing of it is ours to delete. */
async function hasStrangers(ports: SetupPorts, run: SetupRun, account: CloudflareAccount, { connectorIds, otherConnectors }: Adoption, tunnelId: string, signal: AbortSignal): Promise<boolean> {
  const [connectors, ours] = await Promise.all([account.listConnectors(tunnelId, signal), ports.knownConnectors()]);
  const strangers = connectors.filter(({ id }) => !ours.includes(id) && !connectorIds.includes(id));
  if (strangers.length <= otherConnectors) return false;
  const count = strangers.length - otherConnectors;
  run.warnings.push({ code: 'TUNNEL_SHARED', message: `${count === 1 ? 'A connector' : `${count} connectors`} of this tunnel ${count === 1 ? 'runs' : 'run'} on other machines: neither its DNS records nor the tunnel will be deleted from here. They keep their own rules.` });
  return true;
}
