import { isDeepStrictEqual } from 'node:util';
import { SupervisorError } from '../../core/errors.js';
import type { TunnelIdentity } from '../../core/tunnel.js';
import type { JsonObject } from '../json.js';
import { toPythonTime } from '../python-text.js';
import { isOurs, MANAGED_BY, unknownFields } from './names.js';

/**
 * `cloudflare_tunnel.json`: what Portacode shows of the tunnel. `configured` is what its other parts test; more is shown
 * to people as it stands there.
 */

export interface TunnelFacts {
  /** Undefined where there is none; a tunnel that is about to be put in place does not count yet. */
  readonly tunnel: TunnelIdentity | undefined;
  /** A tunnel is being put in place: nobody knows yet which one will be. */
  readonly isChanging: boolean;
  /** The setup that put this tunnel in place: its change. */
  readonly setup: string | undefined;
  readonly credentialsFile: string | null;
  readonly configPath: string;
  readonly certPath: string;
  /** What `cloudflared --version` says; undefined where it was not asked yet. */
  readonly cloudflaredVersion: string | undefined;
  readonly connectorState: string;
  readonly connectorMessage: string;
  /** An init system keeps the daemon, and so the connector. */
  readonly serviceInstalled: boolean;
  /** A login that waits for a person. */
  readonly login: { readonly url: string; readonly expiresAt: string | null } | undefined;
}

const OF_TUNNEL = ['domain', 'tunnel_name', 'tunnel_id', 'tunnel_existed', 'credentials_file', 'token_file', 'config_path', 'cert_path', 'cloudflared_version', 'service_installed'] as const;
const LIVE = ['connector_state', 'connector_message', 'login_url', 'login_expires_at'] as const;
export const FIELDS_OF_TUNNEL: ReadonlySet<string> = new Set(['connected', 'configured', ...OF_TUNNEL, ...LIVE, 'setup_change', 'managed_by', 'updated_at']);

/**
 * `standing` is what the file holds now: what of it is not ours is kept. Without a tunnel of ours, what Portacode itself
 * had connected stays as it is. Undefined: there is to be no file. Pure.
 */
export function renderTunnelFile(facts: TunnelFacts, standing: JsonObject | undefined, now: number): JsonObject | undefined {
  const { tunnel, login } = facts;
  const live = login === undefined ? {} : { login_url: login.url, login_expires_at: login.expiresAt };
  if (tunnel === undefined) {
    const foreign = standing !== undefined && !isOurs(standing);
    if (!foreign && login === undefined) return undefined;
    const rest = foreign ? unknownFields(standing, new Set(LIVE)) : { connected: false, configured: false, ...unknownFields(standing, FIELDS_OF_TUNNEL) };
    return dated({ ...rest, ...live, ...(foreign ? {} : { managed_by: MANAGED_BY }) }, standing, now);
  }
  return dated(
    {
      connected: true,
      configured: true,
      domain: tunnel.domain,
      tunnel_name: tunnel.name,
      tunnel_id: tunnel.id,
      tunnel_existed: hadExisted(facts, tunnel, standing),
      credentials_file: facts.credentialsFile,
      token_file: null,
      config_path: facts.configPath,
      cert_path: facts.certPath,
      cloudflared_version: facts.cloudflaredVersion ?? standing?.['cloudflared_version'] ?? null,
      service_installed: facts.serviceInstalled,
      connector_state: facts.connectorState,
      connector_message: facts.connectorMessage,
      ...live,
      ...(facts.setup === undefined ? {} : { setup_change: facts.setup }),
      managed_by: MANAGED_BY,
      ...unknownFields(standing, FIELDS_OF_TUNNEL),
    },
    standing,
    now,
  );
}

/** Before the setup that put it in place. Once that is known it does not change, however often the file is written. */
function hadExisted({ setup }: TunnelFacts, tunnel: TunnelIdentity, standing: JsonObject | undefined): boolean {
  const known = standing?.['tunnel_existed'];
  if (typeof known === 'boolean' && standing?.['setup_change'] === setup && setup !== undefined) return known;
  return !tunnel.madeByUs || standing?.['tunnel_id'] === tunnel.id;
}

/** The time is that of the last change, so that a file that says the same is the same. */
function dated(fields: JsonObject, standing: JsonObject | undefined, now: number): JsonObject {
  const { updated_at: before, ...rest } = standing ?? {};
  const { updated_at: _old, ...wanted } = fields;
  return { ...wanted, updated_at: typeof before === 'string' && isDeepStrictEqual(rest, wanted) ? before : toPythonTime(now) };
}

/** Somebody wrote another tunnel into it. @throws SupervisorError FORWARDING_INVALID */
export function refuseOtherTunnel(file: JsonObject, tunnel: Pick<TunnelIdentity, 'id' | 'name' | 'domain'>): void {
  const wanted = { tunnel_id: tunnel.id, tunnel_name: tunnel.name, domain: tunnel.domain, configured: true };
  const other = Object.entries(wanted).find(([key, value]) => file[key] !== undefined && file[key] !== value);
  if (other !== undefined) throw new SupervisorError('FORWARDING_INVALID', `it names another ${other[0]}: another tunnel is connected with a setup, not in this file`);
}

/** The name of the tunnel in it, Portacode's or ours. */
export function recordedName(file: JsonObject): string | undefined {
  const name = file['tunnel_name'];
  return typeof name === 'string' && name.trim() !== '' ? name : undefined;
}
