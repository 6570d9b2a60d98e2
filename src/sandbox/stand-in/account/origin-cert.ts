import { readFileSync } from 'node:fs';

import { expandHome, isFile, searchedDirectories } from '../config/default-paths.js';
import { Failure } from '../failure.js';
import type { Logger } from '../log/logger.js';

/** What `login` gets: the account's API token for one zone. */
export interface OriginCert {
  readonly zoneId: string;
  readonly accountId: string;
  readonly apiToken: string;
  /** `fed`, or empty. */
  readonly endpoint: string;
}

const BLOCK = /-----BEGIN ([^-]+)-----\s*([A-Za-z0-9+/=\s]*?)-----END \1-----/gu;
const IGNORED_BLOCKS = new Set(['PRIVATE KEY', 'CERTIFICATE']);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function parseToken(base64: string): OriginCert {
  let token: Record<string, unknown> = {};
  try {
    token = JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as Record<string, unknown>;
  } catch {
    // Not JSON is as good as no token: the caller misses it below.
  }
  return { zoneId: textOf(token['zoneID']), accountId: textOf(token['accountID']), apiToken: textOf(token['apiToken']), endpoint: textOf(token['endpoint']).toLowerCase() };
}

/** Throws a Failure with cloudflared's words. */
export function decodeOriginCert(text: string): OriginCert {
  if (text === '') throw new Failure('cannot decode empty certificate');
  let found: OriginCert | undefined;
  for (const [, type = '', base64 = ''] of text.matchAll(BLOCK)) {
    if (IGNORED_BLOCKS.has(type)) continue;
    if (type !== 'ARGO TUNNEL TOKEN') throw new Failure(`unknown block ${type} in the certificate`);
    if (found !== undefined && (found.zoneId !== '' || found.apiToken !== '')) throw new Failure('found multiple tokens in the certificate');
    found = parseToken(base64);
  }
  if (found === undefined || found.zoneId === '' || found.apiToken === '') throw new Failure('missing token in the certificate');
  return found;
}

export function encodeOriginCert(cert: OriginCert): string {
  const json = JSON.stringify({ zoneID: cert.zoneId, accountID: cert.accountId, apiToken: cert.apiToken, ...(cert.endpoint === '' ? {} : { endpoint: cert.endpoint }) });
  const lines = Buffer.from(json).toString('base64').match(/.{1,64}/gu) ?? [];
  return `-----BEGIN ARGO TUNNEL TOKEN-----\n${lines.join('\n')}\n-----END ARGO TUNNEL TOKEN-----\n`;
}

/** The file, where it is one; else says so in the log and throws. */
export function findOriginCert(path: string, log: Logger): string {
  const named = log.with({ originCertPath: path });
  if (path === '') {
    named.error(
      `Cannot determine default origin certificate path. No file cert.pem in ${searchedDirectories()}. You need to specify the origin certificate path ` +
        'by specifying the origincert option in the configuration file, or set TUNNEL_ORIGIN_CERT environment variable',
    );
    throw new Failure("client didn't specify origincert path");
  }
  const expanded = expandHome(path);
  if (expanded === undefined) throw new Failure(`cannot resolve path ${path}`);
  if (!isFile(expanded)) {
    named.error(`Cannot find a valid certificate for your origin at the path:\n\n    ${expanded}\n`);
    throw new Failure(`cannot find a valid certificate at the path ${expanded}`);
  }
  return expanded;
}

export function readOriginCert(path: string, log: Logger): OriginCert {
  let file: string;
  try {
    file = findOriginCert(path, log);
  } catch (error) {
    throw new Failure(`Error locating origin cert: ${error instanceof Error ? error.message : String(error)}`);
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // Why does not matter to cloudflared, so it does not say.
    throw new Failure(`Can't read origin cert from ${file}: cannot read ${file} to load origin certificate`);
  }
  let cert: OriginCert;
  try {
    cert = decodeOriginCert(text);
  } catch (error) {
    throw new Failure(`Error decoding origin cert: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (cert.accountId === '') {
    throw new Failure(`Origin certificate needs to be refreshed before creating new tunnels.\\nDelete ${file} and run "cloudflared login" to obtain a new cert.`);
  }
  return cert;
}
