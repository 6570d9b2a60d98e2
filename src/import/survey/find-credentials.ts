import { dirname } from 'node:path';
import { Secret } from '../../core/secret.js';
import type { TunnelCredentials } from '../../core/tunnel.js';
import type { Authority, Found } from '../findings.js';
import { parseCredentials } from '../parse/credentials.js';
import { parseToken } from '../parse/token.js';
import { defaultDirectories, inEach } from './default-directories.js';
import type { NamedFiles } from './named-files.js';

/** What lets a connector run its tunnel, found as cloudflared finds it. */

export interface CredentialSource {
  /** Flags, variables and settings, the stronger ones over the others. */
  readonly settings: ReadonlyMap<string, string>;
  /** With whose rights the files are read that these name. */
  readonly namedBy: Authority;
  readonly home: string | undefined;
  readonly authority: Authority;
}

/** A token stands over everything else; undefined where there is none, or none that can be read. */
export async function findToken({ settings, namedBy }: CredentialSource, files: NamedFiles): Promise<Found<TunnelCredentials> | undefined> {
  const inline = given(settings, 'token');
  if (inline !== undefined) return fromToken(inline, 'the token that it was started with', files);
  const named = given(settings, 'token-file');
  const path = named === undefined ? undefined : files.absolute(named);
  const reading = path === undefined ? undefined : await files.need({ path, authority: namedBy });
  return path === undefined || reading === undefined ? undefined : fromToken(reading.text, path, files);
}

/** Named, or beside the certificate, or in a default place by the tunnel's id. */
export async function findCredentials({ settings, namedBy, home, authority }: CredentialSource, tunnelId: string | undefined, files: NamedFiles): Promise<Found<TunnelCredentials> | undefined> {
  const inline = given(settings, 'credentials-contents');
  if (inline !== undefined) return fromText(inline, 'the environment that it was started with', tunnelId, files);
  const named = given(settings, 'credentials-file');
  if (named !== undefined) {
    const path = files.absolute(named);
    const reading = path === undefined ? undefined : await files.need({ path, authority: namedBy });
    return path === undefined || reading === undefined ? undefined : fromText(reading.text, path, tunnelId, files);
  }
  if (tunnelId === undefined) return undefined;
  const certificate = given(settings, 'origincert');
  const beside = certificate === undefined ? undefined : files.absolute(certificate);
  const directories = [...(beside === undefined ? [] : [{ path: dirname(beside), authority: namedBy }]), ...defaultDirectories(home, authority)];
  const found = await files.first(inEach(directories, `${tunnelId}.json`));
  return found === undefined ? undefined : fromText(found.text, found.path, tunnelId, files);
}

function fromToken(text: string, from: string, files: NamedFiles): Found<TunnelCredentials> | undefined {
  const value = parseToken(new Secret(text));
  if (value !== undefined) return { value, from };
  files.note({ path: from, code: 'CREDENTIALS_MISSING', message: `${from} is no token of a tunnel`, hint: 'cloudflared would not start with it either.' });
  return undefined;
}

function fromText(text: string, from: string, tunnelId: string | undefined, files: NamedFiles): Found<TunnelCredentials> | undefined {
  const value = parseCredentials(text, tunnelId);
  if (value !== undefined) return { value, from };
  files.note({ path: from, code: 'CREDENTIALS_MISSING', message: `${from} is not a credentials file of a tunnel`, hint: 'cloudflared would not start with it either.' });
  return undefined;
}

/** Empty counts as not given. */
export function given(settings: ReadonlyMap<string, string>, name: string): string | undefined {
  const value = settings.get(name);
  return value === '' ? undefined : value;
}
