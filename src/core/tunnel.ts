import type { Secret } from './secret.js';

/** The lasting object in the account; not a process. */
export interface TunnelIdentity {
  /** UUID, lower case. */
  readonly id: string;
  readonly name: string;
  readonly accountId: string;
  /** Empty where it was taken over without a certificate: DNS records are not managed then. */
  readonly zoneId: string;
  /** The zone's name: the domain that rules live in. */
  readonly domain: string;
  /** We created it, so we may delete it. */
  readonly madeByUs: boolean;
  /** This machine joined a tunnel of somebody else: it never deletes DNS records or the tunnel. */
  readonly joined: boolean;
}

/** Lets one *run* a tunnel: the content of `<UUID>.json`. */
export interface TunnelCredentials {
  readonly accountTag: string;
  readonly tunnelId: string;
  /** Base64. */
  readonly tunnelSecret: Secret;
  readonly endpoint: string;
}

/** Lets one *manage*: the content of `cert.pem`. */
export interface OriginCert {
  readonly zoneId: string;
  readonly accountId: string;
  readonly apiToken: Secret;
  /** `fed` for FedRAMP; undefined for all others. */
  readonly endpoint: string | undefined;
}

/** Below it, every tunnel has a name that proxied CNAMEs point at. */
export const TUNNEL_DOMAIN = 'cfargotunnel.com';

/** The name a proxied CNAME points at. */
export const tunnelTarget = (tunnelId: string): string => `${tunnelId}.${TUNNEL_DOMAIN}`;
