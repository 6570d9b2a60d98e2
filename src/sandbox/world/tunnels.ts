import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';

import { refusal } from './refusals.js';

export interface Tunnel {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly secret: Buffer;
  readonly createdAt: number;
  readonly deletedAt: number | undefined;
  /** When a connector last registered. */
  readonly connectedAt: number | undefined;
}

/** Who a connector says it is when it registers at the edge. */
export interface ConnectorClaim {
  readonly tunnelId: string;
  readonly accountTag: string;
  readonly tunnelSecret: Uint8Array;
}

const SECRET_MIN_BYTES = 32;

/** The tunnels of all accounts. Deleted ones stay, marked: Cloudflare still lists them when asked. */
export class Tunnels {
  readonly #tunnels = new Map<string, Tunnel>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `secret` is base64; without one it is made here, as for tunnels made in the dashboard. */
  create(accountId: string, name: string, secret?: string): Tunnel {
    if (name.trim() === '') throw refusal('TUNNEL_NAME_MISSING');
    const bytes = secret === undefined ? randomBytes(SECRET_MIN_BYTES) : Buffer.from(secret, 'base64');
    if (bytes.length < SECRET_MIN_BYTES) throw refusal('TUNNEL_SECRET_INVALID');
    if (this.list(accountId).some((tunnel) => tunnel.name === name && tunnel.deletedAt === undefined)) throw refusal('TUNNEL_NAME_TAKEN');
    const tunnel: Tunnel = {
      id: randomUUID(), accountId, name, secret: bytes, createdAt: this.#now(), deletedAt: undefined, connectedAt: undefined,
    };
    this.#tunnels.set(tunnel.id, tunnel);
    return tunnel;
  }

  /** Newest first, deleted ones too; of every account where none is given. */
  list(accountId?: string): readonly Tunnel[] {
    return [...this.#tunnels.values()].filter((tunnel) => accountId === undefined || tunnel.accountId === accountId).reverse();
  }

  get(id: string): Tunnel | undefined {
    return this.#tunnels.get(id.toLowerCase());
  }

  /** A tunnel of this account that is not deleted; throws TUNNEL_UNKNOWN. */
  need(id: string, accountId: string): Tunnel {
    const tunnel = this.get(id);
    if (tunnel === undefined || tunnel.accountId !== accountId || tunnel.deletedAt !== undefined) throw refusal('TUNNEL_UNKNOWN');
    return tunnel;
  }

  delete(id: string): Tunnel | undefined {
    return this.#change(id, { deletedAt: this.#now() });
  }

  markConnected(id: string): void {
    this.#change(id, { connectedAt: this.#now() });
  }

  /** Undefined lets the connector in; else the reason, with the word by which cloudflared knows that it was refused. */
  reasonToRefuse(claim: ConnectorClaim): string | undefined {
    const tunnel = this.get(claim.tunnelId);
    if (tunnel === undefined || tunnel.deletedAt !== undefined || tunnel.accountId !== claim.accountTag) return 'Unauthorized: Tunnel not found';
    const matches = tunnel.secret.length === claim.tunnelSecret.length && timingSafeEqual(tunnel.secret, claim.tunnelSecret);
    return matches ? undefined : 'Unauthorized: Invalid tunnel secret';
  }

  #change(id: string, change: Partial<Tunnel>): Tunnel | undefined {
    const tunnel = this.get(id);
    if (tunnel === undefined) return undefined;
    const changed = { ...tunnel, ...change };
    this.#tunnels.set(tunnel.id, changed);
    return changed;
  }
}

/** What runs the tunnel, in one string: the answer of the token call. */
export const toTunnelToken = (tunnel: Tunnel): string =>
  Buffer.from(JSON.stringify({ a: tunnel.accountId, t: tunnel.id, s: tunnel.secret.toString('base64') })).toString('base64');
