import { SupervisorError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { OriginCert } from '../core/tunnel.js';

export const CLOUDFLARE_API_URL = 'https://api.cloudflare.com/client/v4';
/** Where certificates with the endpoint `fed` belong. */
export const FEDRAMP_API_URL = 'https://api.fed.cloudflare.com/client/v4';

const TOKEN_LABEL = 'ARGO TUNNEL TOKEN';
/** Blocks that certificates of years ago held beside the token. */
const IGNORED_LABELS = new Set(['PRIVATE KEY', 'CERTIFICATE']);
const BLOCK = /-----BEGIN ([A-Z ]+)-----\s*([\s\S]*?)\s*-----END ([A-Z ]+)-----/g;
/** What `cloudflared` writes is under 1 kB. */
const LONGEST_PEM = 64 * 1024;
const ID = /^[0-9a-zA-Z_-]{1,64}$/;

/** Reads the content of `cert.pem`. Throws ORIGIN_CERT_INVALID; its messages hold nothing of the content. */
export function parseOriginCert(pem: Secret): OriginCert {
  const token = decodeToken(findToken(pem.reveal()));
  const zoneId = readField(token, 'zoneID');
  const accountId = readField(token, 'accountID');
  const apiToken = readField(token, 'apiToken');
  for (const [field, value] of [['zoneID', zoneId], ['accountID', accountId]] as const) {
    if (!ID.test(value)) throw invalid(`its ${field} is not an identifier`);
  }
  // It becomes a header: a line break in it would be a header of its own.
  if (!/^[\x21-\x7e]+$/.test(apiToken)) throw invalid('its apiToken cannot be sent');
  const endpoint = typeof token['endpoint'] === 'string' && token['endpoint'] !== '' ? token['endpoint'].toLowerCase() : undefined;
  return { zoneId, accountId, apiToken: new Secret(apiToken), endpoint };
}

/** The API that a certificate belongs to; an address given by hand wins. */
export function apiUrlOf(certificate: OriginCert, given: string | undefined): string {
  if (given !== undefined) return given;
  return certificate.endpoint === 'fed' ? FEDRAMP_API_URL : CLOUDFLARE_API_URL;
}

function findToken(text: string): string {
  if (text.trim() === '') throw invalid('it is empty');
  if (text.length > LONGEST_PEM) throw invalid('it is longer than any certificate');
  let token: string | undefined;
  for (const [, begin, content, end] of text.matchAll(BLOCK)) {
    if (begin !== end) throw invalid('its blocks do not end as they begin');
    if (begin === undefined || content === undefined || IGNORED_LABELS.has(begin)) continue;
    if (begin !== TOKEN_LABEL) throw invalid(`it holds a block "${begin}"`);
    if (token !== undefined) throw invalid(`it holds more than one block "${TOKEN_LABEL}"`);
    token = content.replaceAll(/\s+/g, '');
  }
  if (token === undefined) throw invalid(`it holds no block "${TOKEN_LABEL}"`);
  return token;
}

function decodeToken(base64: string): Readonly<Record<string, unknown>> {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw invalid('its token is not base64');
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
  } catch {
    // The parser's message would quote the token.
    throw invalid('its token is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('its token is not an object');
  return value as Readonly<Record<string, unknown>>;
}

function readField(token: Readonly<Record<string, unknown>>, field: string): string {
  const value = token[field];
  if (typeof value !== 'string' || value === '') throw invalid(`its token has no ${field}`);
  return value;
}

const invalid = (what: string): SupervisorError => new SupervisorError('ORIGIN_CERT_INVALID', `The origin certificate cannot be used: ${what}.`);
