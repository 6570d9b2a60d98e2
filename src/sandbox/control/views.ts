/** How the control API shows things: plain JSON, times as ISO 8601. The client's types. */
import { toIso } from '../../core/clock.js';
import type { EdgeConnection } from '../edge/ports.js';
import type { Login, LoginState } from '../login/logins.js';
import type { StoredRecord } from '../world/dns-records.js';
import type { Tunnel } from '../world/tunnels.js';

export interface LoginView {
  readonly key: string;
  /** As cloudflared printed it. */
  readonly url: string;
  readonly state: LoginState;
  readonly zone: string | null;
  readonly startedAt: string;
  readonly polls: number;
}

export interface ConnectionView {
  readonly id: string;
  readonly tunnelId: string;
  readonly connectorId: string;
  readonly connIndex: number;
  readonly version: string;
  readonly state: 'serving' | 'draining';
  readonly activeRequests: number;
  readonly openedAt: string;
}

export interface TunnelView {
  readonly id: string;
  readonly name: string;
  readonly accountId: string;
  readonly createdAt: string;
  readonly deletedAt: string | null;
  readonly connections: readonly ConnectionView[];
}

export interface RecordView {
  readonly id: string;
  readonly zone: string;
  readonly type: string;
  readonly name: string;
  readonly content: string;
  readonly proxied: boolean;
  readonly ttl: number;
  readonly comment: string | null;
  readonly createdAt: string;
  readonly modifiedAt: string;
}

export const viewLogin = ({ key, url, state, zone, startedAt, polls }: Login): LoginView => ({
  key, url, state, zone: zone ?? null, startedAt: toIso(startedAt), polls,
});

export const viewConnection = ({ id, tunnelId, connector, connIndex, state, activeRequests, openedAt }: EdgeConnection): ConnectionView => ({
  id, tunnelId, connectorId: connector.connectorId, connIndex, version: connector.version, state, activeRequests, openedAt: toIso(openedAt),
});

export const viewTunnel = ({ id, name, accountId, createdAt, deletedAt }: Tunnel, connections: readonly EdgeConnection[]): TunnelView => ({
  id, name, accountId, createdAt: toIso(createdAt), deletedAt: deletedAt === undefined ? null : toIso(deletedAt), connections: connections.map(viewConnection),
});

export const viewRecord = ({ id, zone, type, name, content, proxied, ttl, comment, createdAt, modifiedAt }: StoredRecord): RecordView => ({
  id, zone: zone.name, type, name, content, proxied, ttl, comment, createdAt: toIso(createdAt), modifiedAt: toIso(modifiedAt),
});
