import { newTokenValue } from './ids.js';
import type { Zone } from './zones.js';

/** What a token may do. A login gives one; what Cloudflare lets it do is not documented, so each is a switch. */
export interface TokenRights {
  /** Create, read, delete tunnels of the account, and route names of the zone to them. */
  readonly tunnels: boolean;
  readonly zoneRead: boolean;
  readonly dnsRead: boolean;
  readonly dnsEdit: boolean;
}

export const ALL_RIGHTS: TokenRights = { tunnels: true, zoneRead: true, dnsRead: true, dnsEdit: true };

export interface ApiToken {
  readonly value: string;
  readonly accountId: string;
  readonly zoneId: string;
}

/** The tokens that were given out. All have the same rights: those that the switches say now. */
export class ApiTokens {
  readonly #tokens = new Map<string, ApiToken>();
  #rights: TokenRights;

  constructor(rights: TokenRights = ALL_RIGHTS) {
    this.#rights = rights;
  }

  rights(): TokenRights {
    return this.#rights;
  }

  setRights(rights: Partial<TokenRights>): void {
    this.#rights = { ...this.#rights, ...rights };
  }

  issue(zone: Zone): ApiToken {
    const token = { value: newTokenValue(), accountId: zone.account.id, zoneId: zone.id };
    this.#tokens.set(token.value, token);
    return token;
  }

  get(value: string): ApiToken | undefined {
    return this.#tokens.get(value);
  }

  /** From now on every token given out so far is refused. */
  revokeAll(): void {
    this.#tokens.clear();
  }
}

/** The file that a login gives: a PEM block around the zone, the account and the token. */
export function toOriginCert(token: ApiToken): string {
  const json = JSON.stringify({ zoneID: token.zoneId, accountID: token.accountId, apiToken: token.value });
  const base64 = Buffer.from(json).toString('base64');
  return `-----BEGIN ARGO TUNNEL TOKEN-----\n${(base64.match(/.{1,64}/gu) ?? []).join('\n')}\n-----END ARGO TUNNEL TOKEN-----\n`;
}
