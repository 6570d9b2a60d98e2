import type { Random } from '../core/clock.js';
import { SupervisorError } from '../core/errors.js';
import { quote } from '../core/parsed.js';
import type { TunnelCredentials } from '../core/tunnel.js';
import { chooseTunnel, type TunnelChoice } from './choose-tunnel.js';
import type { AccountTunnel, CloudflareAccount, InstalledTunnel, SetupPorts, TunnelIntent } from './ports.js';

export type ProvideTunnelPorts = Pick<SetupPorts, 'staging' | 'knownConnectors' | 'createSecret' | 'clock' | 'random'>;

export interface TunnelWish {
  readonly account: CloudflareAccount;
  readonly name: string;
  readonly join: boolean;
  readonly installed: InstalledTunnel | undefined;
}

export interface ProvidedTunnel {
  readonly tunnel: AccountTunnel;
  readonly credentials: TunnelCredentials;
  readonly existed: boolean;
  readonly madeByUs: boolean;
  readonly joined: boolean;
}

/** Somebody makes and deletes tunnels of this name while we look: no use to go on. */
const MOST_ROUNDS = 20;

/**
 * A tunnel of this name and its credentials: found, or made. Looks before it makes one, and looks again whenever an
 * answer was lost: a tunnel that holds the secret we wrote down is ours.
 */
export async function provideTunnel(ports: ProvideTunnelPorts, wish: TunnelWish, signal: AbortSignal): Promise<ProvidedTunnel> {
  const { account, name } = wish;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const { choice, credentials } = await lookForTunnel(ports, wish, signal);
    if (choice.kind === 'refuse') throw new SupervisorError(choice.code, choice.message, choice.hint === undefined ? {} : { hint: choice.hint });
    if (choice.kind === 'use') {
      const { tunnel, existed, madeByUs, joined } = choice;
      return { tunnel, existed, madeByUs, joined, credentials: credentials ?? (await fetchCredentials(wish, tunnel, signal)) };
    }
    const intent = await writeIntent(ports, account, name);
    const outcome = await account.createTunnel(name, intent.secret, signal);
    if (outcome.kind === 'created') {
      const { accountId, endpoint } = account.certificate;
      const made: TunnelCredentials = { accountTag: accountId, tunnelId: outcome.tunnel.id, tunnelSecret: intent.secret, endpoint: endpoint ?? '' };
      return { tunnel: outcome.tunnel, credentials: made, existed: false, madeByUs: true, joined: false };
    }
    if (outcome.kind === 'answer-lost') await ports.clock.sleep(delayMs(round, ports.random), signal);
  }
  throw new SupervisorError('TUNNEL_FAILED', `The tunnel ${quote(name)} could not be created: each time Cloudflare's answer was lost, or its name was taken and free again.`);
}

/** Removes the tunnel that this setup made, also where it never heard that it did; not one that is in use. */
export async function removeMadeTunnel(account: CloudflareAccount, intent: TunnelIntent, idInUse: string | undefined, signal: AbortSignal): Promise<void> {
  const tunnel = await account.findTunnel(intent.name, signal);
  if (tunnel === undefined || tunnel.id === idInUse) return;
  if (hasSecret(await account.fetchCredentials(tunnel.id, signal), intent)) await account.deleteTunnel(tunnel.id, signal);
}

async function lookForTunnel(ports: ProvideTunnelPorts, { account, name, join, installed }: TunnelWish, signal: AbortSignal): Promise<{ readonly choice: TunnelChoice; readonly credentials: TunnelCredentials | undefined }> {
  const existing = await account.findTunnel(name, signal);
  const facts = { name, join, existing, installed: installed?.identity };
  if (existing === undefined) return { choice: chooseTunnel({ ...facts, hasOurSecret: false, connectors: [], knownConnectors: [] }), credentials: undefined };
  const intent = await ports.staging.readIntent();
  const isCandidate = intent !== undefined && intent.name === name && intent.accountId === account.certificate.accountId;
  const credentials = isCandidate ? await account.fetchCredentials(existing.id, signal) : undefined;
  const hasOurSecret = isCandidate && credentials !== undefined && hasSecret(credentials, intent);
  const [connectors, knownConnectors] = await Promise.all([account.listConnectors(existing.id, signal), ports.knownConnectors()]);
  return { choice: chooseTunnel({ ...facts, hasOurSecret, connectors, knownConnectors }), credentials };
}

/** Written before the request. One that is there already is kept: its tunnel may exist. */
async function writeIntent(ports: ProvideTunnelPorts, account: CloudflareAccount, name: string): Promise<TunnelIntent> {
  const { accountId } = account.certificate;
  const known = await ports.staging.readIntent();
  if (known?.name === name && known.accountId === accountId) return known;
  const intent = { name, accountId, secret: ports.createSecret() };
  await ports.staging.writeIntent(intent);
  return intent;
}

/** From the account; where it does not give them (tunnels of years ago), those that we run the tunnel with. */
async function fetchCredentials({ account, installed }: TunnelWish, tunnel: AccountTunnel, signal: AbortSignal): Promise<TunnelCredentials> {
  try {
    return await account.fetchCredentials(tunnel.id, signal);
  } catch (thrown) {
    const own = installed?.identity.id === tunnel.id ? installed.credentials : undefined;
    if (own === undefined || !(thrown instanceof SupervisorError) || thrown.code !== 'CLOUDFLARE_REFUSED') throw thrown;
    return own;
  }
}

const hasSecret = (credentials: TunnelCredentials, intent: TunnelIntent): boolean => credentials.tunnelSecret.reveal() === intent.secret.reveal();

const delayMs = (round: number, random: Random): number => Math.min(15_000, 500 * 2 ** round) * (0.5 + random() / 2);
