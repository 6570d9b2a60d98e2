import type { Authority, Finding } from '../findings.js';
import { parseConfigFile } from '../parse/config-file.js';
import type { Invocation } from '../parse/invocation.js';
import { UUID } from '../parse/uuid.js';
import { defaultDirectories, inEach, type Place } from './default-directories.js';
import { findCertificate } from './find-certificate.js';
import { findCredentials, findToken, given, type CredentialSource } from './find-credentials.js';
import type { Launch } from './launches.js';
import { NamedFiles } from './named-files.js';
import type { SurveyFiles } from './ports.js';

const CONFIG_NAMES = ['config.yml', 'config.yaml'] as const;
const SECRET_SETTINGS: ReadonlySet<string> = new Set(['token', 'credentials-contents', 'api-key', 'api-ca-key']);

/** Follows a command line to its files, as cloudflared does. */
export async function resolveLaunch(launch: Launch, files: SurveyFiles): Promise<Finding> {
  const { origin, invocation, authority, home } = launch;
  if (invocation === undefined) return { ...NOTHING, origin, unreadable: launch.unreadable };
  const isInside = origin.kind === 'process' && origin.inContainer;
  const named = new NamedFiles({ home, directory: launch.directory, isInside }, files, launch.unreadable);
  const config = await readConfig(invocation, launch, named);
  const settings = new Map([...(config?.value.settings ?? []), ...invocation.flags]);
  const known = { ...NOTHING, origin, config, quickTunnel: invocation.kind === 'quick-tunnel', settings: new Map([...settings].filter(([name]) => !SECRET_SETTINGS.has(name))) };
  if (known.quickTunnel) return known;

  // Whoever may write the configuration decides what it names.
  const namedBy: Authority = config?.isOthers === true ? 'user' : authority;
  const source: CredentialSource = { settings, namedBy, home, authority };
  const ref = invocation.tunnelRef ?? config?.value.tunnel;
  const refId = ref !== undefined && UUID.test(ref) ? ref.toLowerCase() : undefined;
  const byToken = await findToken(source, named);
  const credentials = byToken ?? (await findCredentials(source, refId, named));
  return {
    ...known,
    tunnelId: credentials?.value.tunnelId ?? refId,
    tunnelName: refId === undefined && byToken === undefined ? ref : undefined,
    credentials,
    certificates: isInside ? [] : await findCertificate(certificatePlaces(source, named), files),
    unreadable: named.unreadable,
  };
}

/** What is known where nothing could be read. */
export const NOTHING: Omit<Finding, 'origin'> = {
  quickTunnel: false, tunnelId: undefined, tunnelName: undefined, credentials: undefined, certificates: [], config: undefined,
  settings: new Map(), live: undefined, unreadable: [],
};

/** The named one, else the first in the default places. */
async function readConfig({ flags }: Invocation, { authority, home }: Launch, named: NamedFiles): Promise<Finding['config']> {
  const wanted = given(flags, 'config');
  const path = wanted === undefined ? undefined : named.absolute(wanted);
  if (wanted !== undefined && path === undefined) return undefined;
  const places = defaultDirectories(home, authority).flatMap((directory) => CONFIG_NAMES.map((name): Place => ({ path: `${directory.path}/${name}`, authority: directory.authority })));
  const reading = path === undefined ? await named.first(places) : await named.need({ path, authority });
  if (reading === undefined) return undefined;
  const { path: from, text, isOthers } = reading;
  const value = await parseConfigFile(text);
  if (!('problem' in value)) return { value, from, isOthers };
  named.note({ path: from, code: 'CONFIG_REFUSED', message: `${from} cannot be used: ${value.problem}`, hint: 'Correct the file; cloudflared would not start on it either.' });
  return undefined;
}

function certificatePlaces({ settings, namedBy, home, authority }: CredentialSource, named: NamedFiles): readonly Place[] {
  const wanted = given(settings, 'origincert');
  const path = wanted === undefined ? undefined : named.absolute(wanted);
  return [...(path === undefined ? [] : [{ path, authority: namedBy }]), ...inEach(defaultDirectories(home, authority), 'cert.pem')];
}
