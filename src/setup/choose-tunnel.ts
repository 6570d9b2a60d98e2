import type { ErrorCode } from '../core/errors.js';
import { quote } from '../core/parsed.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import type { AccountTunnel, LiveConnector } from './ports.js';

/** What is known when a tunnel of the wanted name has been looked for. */
export interface TunnelFacts {
  readonly name: string;
  /** The person wants to join a tunnel of others. */
  readonly join: boolean;
  /** The living tunnel of that name. */
  readonly existing: AccountTunnel | undefined;
  /** Its secret is the one we wrote down before we asked for a tunnel: the answer was lost, the tunnel is ours. */
  readonly hasOurSecret: boolean;
  /** Its connectors that are connected now. */
  readonly connectors: readonly LiveConnector[];
  /** `connectorId`s of this supervisor's own. */
  readonly knownConnectors: readonly string[];
  /** The tunnel this machine runs now. */
  readonly installed: TunnelIdentity | undefined;
}

export type TunnelChoice =
  | { readonly kind: 'create' }
  | { readonly kind: 'use'; readonly tunnel: AccountTunnel; readonly existed: boolean; readonly madeByUs: boolean; readonly joined: boolean }
  | { readonly kind: 'refuse'; readonly code: ErrorCode; readonly message: string; readonly hint?: string };

/** Reuse, create, join or refuse. Pure. */
export function chooseTunnel(facts: TunnelFacts): TunnelChoice {
  const { existing, installed, name } = facts;
  if (existing === undefined) {
    if (!facts.join) return { kind: 'create' };
    return { kind: 'refuse', code: 'TUNNEL_FAILED', message: `There is no tunnel named ${quote(name)} to join.`, hint: 'Name the tunnel with --name, or leave --join out to create it.' };
  }
  if (existing.remote) return { kind: 'refuse', code: 'TUNNEL_REMOTE', message: `The rules of the tunnel ${quote(name)} are managed at Cloudflare.`, hint: 'Choose another --name: a connector here has no say in these rules.' };
  const isInstalled = installed?.id === existing.id;
  const madeByUs = facts.hasOurSecret || (isInstalled && installed.madeByUs);
  // Whoever joined stays joined: what others rely on is not ours to delete after a second login either.
  const joined = facts.join || (isInstalled && installed.joined);
  const strangers = facts.connectors.filter((connector) => !facts.knownConnectors.includes(connector.id));
  if (strangers.length > 0 && !joined) {
    return { kind: 'refuse', code: 'TUNNEL_IN_USE', message: `The tunnel ${quote(name)} has ${describeConnectors(strangers)} that ${strangers.length === 1 ? 'is' : 'are'} not ours.` };
  }
  return { kind: 'use', tunnel: existing, existed: !facts.hasOurSecret, madeByUs, joined };
}

function describeConnectors(connectors: readonly LiveConnector[]): string {
  const places = [...new Set(connectors.flatMap(({ originIp }) => originIp ?? []))].slice(0, 3);
  const from = places.length === 0 ? '' : ` (from ${places.join(', ')})`;
  return `${connectors.length === 1 ? 'a connector' : `${connectors.length} connectors`}${from}`;
}
