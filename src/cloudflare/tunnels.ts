import { SupervisorError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { TunnelCredentials } from '../core/tunnel.js';
import { CloudflareError, isForbidden, isGone } from './cloudflare-error.js';
import { readAllPages } from './pages.js';
import type { Sender } from './send.js';

export interface TunnelSummary {
  /** UUID, lower case. */
  readonly id: string;
  readonly name: string;
  /** Its rules are kept at Cloudflare, and sent to its connectors. */
  readonly remote: boolean;
}

export interface ConnectorSummary {
  /** What the connector's own `/ready` calls `connectorId`. */
  readonly id: string;
  readonly originIp: string | undefined;
  readonly version: string | undefined;
}

export type CreateTunnelOutcome =
  | { readonly kind: 'created'; readonly tunnel: TunnelSummary }
  | { readonly kind: 'name-taken' }
  | { readonly kind: 'answer-lost'; readonly error: CloudflareError };

export interface TunnelsApi {
  /** Sent once, except where it surely was not carried out. `secret` is base64. */
  create(name: string, secret: Secret, signal: AbortSignal): Promise<CreateTunnelOutcome>;
  /** The living tunnels of exactly this name: one at most, by Cloudflare's rules. */
  list(name: string, signal: AbortSignal): Promise<readonly TunnelSummary[]>;
  /** Undefined where it is deleted, or never was. */
  get(tunnelId: string, signal: AbortSignal): Promise<TunnelSummary | undefined>;
  /** With `cascade` its connections go too; without it a tunnel with connections is refused. Gone already is fine. */
  delete(tunnelId: string, options: { readonly cascade: boolean }, signal: AbortSignal): Promise<void>;
  fetchCredentials(tunnelId: string, signal: AbortSignal): Promise<TunnelCredentials>;
  /** Connectors that have a connection now. */
  listConnectors(tunnelId: string, signal: AbortSignal): Promise<readonly ConnectorSummary[]>;
}

export function createTunnelsApi(sender: Sender, accountId: string): TunnelsApi {
  const base = `/accounts/${encodeURIComponent(accountId)}/cfd_tunnel`;
  const pathOf = (tunnelId: string): string => `${base}/${encodeURIComponent(tunnelId)}`;

  return {
    async create(name, secret, signal) {
      const doing = `Creating tunnel ${name}`;
      try {
        const body = { name, tunnel_secret: secret.reveal() };
        const envelope = await sender.send({ method: 'POST', path: base, body, doing, secrets: [secret], once: true }, signal);
        const { tunnelSchema } = await import('./schemas.js');
        return { kind: 'created', tunnel: toSummary(await sender.read(tunnelSchema, envelope.result, doing)) };
      } catch (thrown) {
        if (!(thrown instanceof CloudflareError) || signal.aborted) throw refuseToken(thrown);
        if (thrown.status === 409 || thrown.apiCodes.includes(NAME_TAKEN)) return { kind: 'name-taken' };
        if (thrown.uncertain) return { kind: 'answer-lost', error: thrown };
        throw refuseToken(thrown);
      }
    },
    async list(name, signal) {
      const { tunnelSchema } = await import('./schemas.js');
      const request = { path: base, query: { name, is_deleted: 'false' }, perPage: 50, schema: tunnelSchema, doing: `Looking for tunnel ${name}` };
      const tunnels = await guard(() => readAllPages(sender, request, signal));
      // `name` may match more than was asked, and an old server may list the deleted.
      return tunnels.filter((tunnel) => tunnel.name === name && isAlive(tunnel)).map(toSummary);
    },
    async get(tunnelId, signal) {
      const doing = `Reading tunnel ${tunnelId}`;
      const envelope = await guard(() => sender.send({ method: 'GET', path: pathOf(tunnelId), doing }, signal)).catch(ifGone(undefined));
      if (envelope === undefined) return undefined;
      const { tunnelSchema } = await import('./schemas.js');
      const tunnel = await sender.read(tunnelSchema, envelope.result, doing);
      return isAlive(tunnel) ? toSummary(tunnel) : undefined;
    },
    async delete(tunnelId, { cascade }, signal) {
      const path = `${pathOf(tunnelId)}${cascade ? '?cascade=true' : ''}`;
      await guard(() => sender.send({ method: 'DELETE', path, doing: `Deleting tunnel ${tunnelId}` }, signal)).catch(ifGone(undefined));
    },
    async fetchCredentials(tunnelId, signal) {
      const doing = `Fetching the credentials of tunnel ${tunnelId}`;
      const envelope = await guard(() => sender.send({ method: 'GET', path: `${pathOf(tunnelId)}/token`, doing }, signal));
      const { tunnelTokenSchema } = await import('./schemas.js');
      const token = await sender.read(tunnelTokenSchema, decodeToken(envelope.result), doing);
      return { accountTag: token.a, tunnelId: token.t, tunnelSecret: new Secret(token.s), endpoint: token.e ?? '' };
    },
    async listConnectors(tunnelId, signal) {
      const doing = `Listing the connectors of tunnel ${tunnelId}`;
      const envelope = await guard(() => sender.send({ method: 'GET', path: `${pathOf(tunnelId)}/connections`, doing }, signal)).catch(ifGone(undefined));
      const [{ connectorSchema }, { z }] = await Promise.all([import('./schemas.js'), import('zod')]);
      const connectors = await sender.read(z.array(connectorSchema).nullable(), envelope?.result ?? null, doing);
      // One whose connections are all waiting to come back may be gone for good.
      return (connectors ?? [])
        .filter((connector) => connector.conns.some((connection) => connection.is_pending_reconnect !== true))
        .map(({ id, version, conns }) => ({ id, version, originIp: conns[0]?.origin_ip }));
    },
  };
}

const toSummary = ({ id, name, config_src: source, remote_config: isRemote }: { readonly id: string; readonly name: string; readonly config_src: string | undefined; readonly remote_config: boolean | undefined }): TunnelSummary => ({
  id, name,
  remote: source === 'cloudflare' || (source === undefined && isRemote === true),
});

/** `tunnel with name already exists`. */
const NAME_TAKEN = 1013;

const isAlive = (tunnel: { readonly deleted_at: string | undefined }): boolean => tunnel.deleted_at === undefined || tunnel.deleted_at.startsWith('0001-');

/** The certificate's token exists to manage tunnels: where it may not, it is not accepted any more. */
function refuseToken(thrown: unknown): unknown {
  return thrown instanceof CloudflareError && isForbidden(thrown) ? new SupervisorError('ORIGIN_CERT_REFUSED', thrown.message, { cause: thrown }) : thrown;
}

async function guard<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    throw refuseToken(thrown);
  }
}

const ifGone =
  <T>(value: T) =>
  (thrown: unknown): T => {
    if (isGone(thrown)) return value;
    throw thrown;
  };

function decodeToken(result: unknown): unknown {
  if (typeof result !== 'string') return result;
  try {
    return JSON.parse(Buffer.from(result, 'base64').toString('utf8'));
  } catch {
    // Not a token: the schema says so without showing it.
    return undefined;
  }
}
