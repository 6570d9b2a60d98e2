import { hostname } from 'node:os';
import { z } from 'zod';
import { bracketHost } from '../../core/destination.js';
import { Secret } from '../../core/secret.js';
import { isMissing } from '../../host/atomic-file.js';
import { readSmallFile } from '../small-file.js';

/** How the certificate of Proxmox is judged. */
export type ProxmoxTrust =
  /** By whom it was signed; `caFile` beside the system's roots. */
  | { readonly kind: 'roots'; readonly caFile: string | undefined }
  /** It is this very certificate: SHA-256 in hex, lower case, without colons. */
  | { readonly kind: 'fingerprint'; readonly sha256: string }
  /** Not at all: Portacode's default. */
  | { readonly kind: 'none' };

/** How Proxmox is spoken to. */
export interface ProxmoxAccess {
  /** `https://host:8006` */
  readonly origin: string;
  readonly node: string;
  /** The value of the header `Authorization`. */
  readonly authorization: Secret;
  readonly token: Secret;
  readonly trust: ProxmoxTrust;
}

export type AccessReading =
  | { readonly kind: 'configured'; readonly access: ProxmoxAccess }
  | { readonly kind: 'absent' }
  /** There is a file, and it cannot be used: half-written, of somebody else, or wrong. */
  | { readonly kind: 'unusable'; readonly reason: string };

/** Options of `run`: they go over what the file says. */
export interface TrustOptions {
  readonly caFile?: string | undefined;
  readonly fingerprint?: string | undefined;
}

const DEFAULT_PORT = 8006;
const LARGEST_BYTES = 256 * 1024;

/** It stands in a header: no blanks, nothing that ends a line. */
const headerText = z.string().trim().regex(/^[\x21-\x7e]+$/);
const flag = z.union([z.boolean(), z.number().transform((value) => value !== 0), z.enum(['true', 'false']).transform((text) => text === 'true')]);

const schema = z.looseObject({
  host: z.string().trim().min(1).default('localhost'),
  port: z.number().int().min(1).max(65_535).optional(),
  node: z.string().trim().regex(/^[A-Za-z0-9._-]+$/).nullish(),
  user: headerText.default('root@pam'),
  token_name: headerText,
  token_value: headerText,
  verify_ssl: flag.default(false),
  ca_file: z.string().min(1).optional(),
  fingerprint: z.string().min(1).optional(),
});

/** Reads `proxmox_infra.json`, as Portacode writes it; `port`, `ca_file` and `fingerprint` are understood beside. */
export async function readProxmoxAccess(path: string, options: TrustOptions): Promise<AccessReading> {
  let text: string;
  try {
    text = await readSmallFile(path, LARGEST_BYTES);
  } catch (error) {
    return isMissing(error) ? { kind: 'absent' } : { kind: 'unusable', reason: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
  return parseAccess(text, path, options);
}

/** Pure but for the name of this machine. Messages name fields, never values: one of them is the token. */
export function parseAccess(text: string, path: string, options: TrustOptions): AccessReading {
  const unusable = (why: string): AccessReading => ({ kind: 'unusable', reason: `${path} ${why}` });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return unusable('is not JSON');
  }
  if (isEmpty(json)) return { kind: 'absent' };
  const parsed = schema.safeParse(json);
  if (!parsed.success) return unusable(`has no usable ${parsed.error.issues[0]?.path.join('.') || 'content'}`);
  const file = parsed.data;
  const origin = toOrigin(file.host, file.port);
  if (origin === undefined) return unusable('has no usable host');
  const trust = chooseTrust({ caFile: options.caFile ?? file.ca_file, fingerprint: options.fingerprint ?? file.fingerprint }, file.verify_ssl);
  if (trust === undefined) return unusable('has a fingerprint that is no SHA-256');
  return {
    kind: 'configured',
    access: {
      origin,
      node: file.node ?? shortHostname(),
      authorization: new Secret(`PVEAPIToken=${file.user}!${file.token_name}=${file.token_value}`),
      token: new Secret(file.token_value),
      trust,
    },
  };
}

/** `{}` is what is left where somebody took Proxmox away. */
const isEmpty = (json: unknown): boolean => typeof json === 'object' && json !== null && Object.keys(json).length === 0;

const shortHostname = (): string => hostname().split('.')[0] ?? '';

/** A name, an address, either with a port, or an https URL. */
function toOrigin(host: string, port: number | undefined): string | undefined {
  const bare = host.replace(/^https:\/\//i, '').replace(/\/+$/, '');
  const isBareIpv6 = bare.split(':').length > 2 && !bare.startsWith('[');
  const text = `https://${isBareIpv6 ? bracketHost(bare) : bare}`;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '' || url.hostname === '') return undefined;
  // 443 is what URL leaves out; whoever writes it means it.
  const given = port ?? (bare.endsWith(':443') && !isBareIpv6 ? 443 : url.port === '' ? DEFAULT_PORT : Number(url.port));
  return `https://${url.hostname}:${given}`;
}

/** What says more about the certificate wins: the very certificate, then its CA, then `verify_ssl`. */
function chooseTrust({ caFile, fingerprint }: TrustOptions, verify: boolean): ProxmoxTrust | undefined {
  if (fingerprint !== undefined) {
    const sha256 = parseFingerprint(fingerprint);
    return sha256 === undefined ? undefined : { kind: 'fingerprint', sha256 };
  }
  return verify || caFile !== undefined ? { kind: 'roots', caFile } : { kind: 'none' };
}

/** SHA-256 in hex, with or without colons, as Proxmox shows it. */
export function parseFingerprint(text: string): string | undefined {
  const hex = text.trim().toLowerCase().replaceAll(':', '');
  return /^[0-9a-f]{64}$/.test(hex) ? hex : undefined;
}
