import type { Revision } from '../core/revision.js';
import type { TunnelIdentity } from '../core/tunnel.js';

/**
 * Whether a connector runs on this revision. Cloudflare gives every connector of a tunnel its share of all requests, and
 * one without rules answers 404 to them: a machine that joined runs none until it has a rule to serve. One that made its
 * tunnel is there alone, and shows with it that the domain is connected. Pure.
 */
export function wantsConnector(revision: Pick<Revision, 'rules'>, { joined }: Pick<TunnelIdentity, 'joined'>): boolean {
  return !joined || revision.rules.some(({ status }) => status === 'live');
}

/**
 * The revision that a connector is kept on. Where the installed tunnel is another one (a setup was killed between the
 * two), it is not known whether this machine joined that of the revision: without rules it is left alone until that
 * setup is finished or undone. Pure.
 */
export function revisionToServe(tunnel: TunnelIdentity | undefined, current: Revision | undefined): number | undefined {
  if (tunnel === undefined || current === undefined) return undefined;
  const joined = tunnel.joined || tunnel.id !== current.tunnelId;
  return wantsConnector(current, { joined }) ? current.revision : undefined;
}
