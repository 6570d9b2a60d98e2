import { randomBytes } from 'node:crypto';

/** Accounts, zones and records have ids of 32 hexadecimal digits; tunnels and connections have UUIDs. */
export const newHexId = (): string => randomBytes(16).toString('hex');

/** An API token: 40 characters, as Cloudflare's are. */
export const newTokenValue = (): string => randomBytes(30).toString('base64url');
