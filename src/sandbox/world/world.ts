import { ApiTokens, type TokenRights } from './api-tokens.js';
import { Changes } from './changes.js';
import { DnsRecords } from './dns-records.js';
import { Tunnels } from './tunnels.js';
import { Zones, type AccountSetup } from './zones.js';

/** A live link of a connector, as the API shows it. Known by the edge. */
export interface TunnelConnection {
  readonly id: string;
  readonly connectorId: string;
  readonly version: string;
  readonly arch: string;
  readonly features: readonly string[];
  readonly originIp: string;
  /** Wall clock, ms. */
  readonly openedAt: number;
  readonly location: string;
}

/** The edge, as the API needs it. */
export interface ConnectionsPort {
  of(tunnelId: string): readonly TunnelConnection[];
  /** Cuts those of a tunnel, or of one of its connectors. */
  cut(tunnelId: string, connectorId?: string): void;
}

/** Everything that Cloudflare remembers, in memory. */
export interface World {
  readonly zones: Zones;
  readonly tokens: ApiTokens;
  readonly tunnels: Tunnels;
  readonly records: DnsRecords;
  /** Announced after every change, here and at the edge. */
  readonly changes: Changes;
}

export interface WorldOptions {
  readonly accounts: readonly AccountSetup[];
  readonly rights?: TokenRights;
  /** Wall clock, ms. */
  readonly now?: () => number;
}

export function createWorld({ accounts, rights, now = Date.now }: WorldOptions): World {
  return {
    zones: new Zones(accounts, now),
    tokens: new ApiTokens(rights),
    tunnels: new Tunnels(now),
    records: new DnsRecords(now),
    changes: new Changes(),
  };
}
