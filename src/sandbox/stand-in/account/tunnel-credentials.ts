import { readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';

import type { Context } from '../command-line/context.js';
import { expandHome, isFile, SEARCH_DIRECTORIES } from '../config/default-paths.js';
import { goPathError } from '../config/load-config.js';
import { Failure, messageOf, wrapFailure } from '../failure.js';
import type { Logger } from '../log/logger.js';
import { findOriginCert } from './origin-cert.js';

/** What lets one run a tunnel. */
export interface Credentials {
  readonly accountTag: string;
  readonly tunnelSecret: Buffer;
  /** Lower case; empty where the file is of an old form. */
  readonly tunnelId: string;
  readonly endpoint: string;
}

/** A credentials file that is no JSON: `run` explains it in the log before it ends. */
export class InvalidCredentials extends Failure {
  override readonly name = 'InvalidCredentials';
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string) {
    super('Invalid JSON when parsing tunnel credentials file');
    this.path = path;
    this.reason = reason;
  }
}

const UUID = /^(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/iu;

/** In its usual form; undefined for what is no UUID. */
export function parseUuid(text: string): string | undefined {
  const match = UUID.exec(text);
  return match === null ? undefined : match.slice(1).join('-').toLowerCase();
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u;

/** The names of the fields differ between the file and a token. Throws an Error that says what is wrong. */
function toCredentials(json: string, names: { readonly account: string; readonly secret: string; readonly tunnel: string; readonly endpoint: string }): Credentials {
  const parsed: unknown = JSON.parse(json);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('json: cannot unmarshal into Go value of type connection.Credentials');
  const fields = new Map<string, unknown>(Object.entries(parsed));
  const secret = textOf(fields.get(names.secret));
  if (!BASE64.test(secret)) throw new Error('illegal base64 data at input byte 0');
  const tunnel = textOf(fields.get(names.tunnel));
  const tunnelId = tunnel === '' ? '' : parseUuid(tunnel);
  if (tunnelId === undefined) throw new Error(`invalid UUID length: ${tunnel.length}`);
  return { accountTag: textOf(fields.get(names.account)), tunnelSecret: Buffer.from(secret, 'base64'), tunnelId, endpoint: textOf(fields.get(names.endpoint)) };
}

const FILE_NAMES = { account: 'AccountTag', secret: 'TunnelSecret', tunnel: 'TunnelID', endpoint: 'Endpoint' };
const TOKEN_NAMES = { account: 'a', secret: 's', tunnel: 't', endpoint: 'e' };

/** Undefined where the text is no token. */
export function parseToken(text: string): Credentials | undefined {
  if (!BASE64.test(text)) return undefined;
  try {
    return toCredentials(Buffer.from(text, 'base64').toString('utf8'), TOKEN_NAMES);
  } catch {
    // Whatever is wrong with it, cloudflared has one sentence for it.
    return undefined;
  }
}

function parseCredentials(json: string, path: string): Credentials {
  try {
    return toCredentials(json, FILE_NAMES);
  } catch (error) {
    if (extname(path) === '.pem') {
      throw new Failure('The tunnel credentials file should be .json but you gave a .pem. You may have given the path of cert.pem, which `cloudflared tunnel login` makes.');
    }
    throw new InvalidCredentials(path, messageOf(error));
  }
}

export function readCredentialsFile(path: string): Credentials {
  if (path === '' || !isFile(path)) throw new Failure(`Tunnel credentials file '${path}' doesn't exist or is not a file`);
  let json: string;
  try {
    json = readFileSync(path, 'utf8');
  } catch (error) {
    throw wrapFailure(new Error(goPathError('open', path, error)), `couldn't read tunnel credentials from ${path}`);
  }
  return parseCredentials(json, path);
}

/** `<id>.json` beside the origin cert, else in the directories that are searched for everything. */
function searchCredentials(tunnelId: string, context: Context, log: Logger): string {
  const certPath = context.text('origincert');
  const directories: (string | undefined)[] = SEARCH_DIRECTORIES.map((directory) => expandHome(directory));
  if (certPath !== '') {
    try {
      directories.unshift(dirname(findOriginCert(certPath, log)));
    } catch (error) {
      // The other directories may have them; findOriginCert has logged what it missed.
      log.debug(messageOf(error));
    }
  }
  const found = directories.filter((directory) => directory !== undefined).map((directory) => join(directory, `${tunnelId}.json`)).find(isFile);
  if (found === undefined) throw new Failure('tunnel credentials file not found');
  return found;
}

/** The credentials for this tunnel: contents before the file that is named before the file that is searched. */
export function findCredentials(tunnelId: string, context: Context, log: Logger): Credentials {
  const contents = context.text('credentials-contents');
  if (contents !== '') return { ...parseCredentials(contents, 'TUNNEL_CRED_CONTENTS'), tunnelId };
  const named = context.text('credentials-file');
  const path = named === '' ? searchCredentials(tunnelId, context, log) : (expandHome(named) ?? named);
  return { ...readCredentialsFile(path), tunnelId };
}
