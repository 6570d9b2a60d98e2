import { basename } from 'node:path';
import type { Authority, Companion, ServiceInit, ServiceOrigin, Unreadable } from '../findings.js';
import { findProgram } from '../parse/invocation.js';
import { parseInitScript } from '../parse/init-script.js';
import { parseSystemdUnit, type ServiceText } from '../parse/systemd-unit.js';
import { readAssignments } from '../parse/words.js';
import type { FileReading, SurveyFiles } from './ports.js';

/** A service whose program is cloudflared, or was meant to be. */
export interface FoundService {
  readonly origin: ServiceOrigin;
  readonly authority: Authority;
  readonly text: ServiceText;
  readonly unreadable: readonly Unreadable[];
}

/** The first that has a unit of a name decides, as in systemd. */
const SYSTEM_UNIT_DIRECTORIES = ['/etc/systemd/system', '/run/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'] as const;
const INIT_SCRIPTS = '/etc/init.d';
const SYSV_LEVELS = ['/etc', '/etc/rc.d'].flatMap((base) => ['0', '1', '2', '3', '4', '5', '6', 'S'].map((level) => `${base}/rc${level}.d`));
/** Somebody's unit may be called anything; of those that came with packages, only a telling name is looked into. */
const TELLING_NAME = /cloudflared|argo|tunnel/i;
const OURS = /^cloudflared-supervisor/;
/** cloudflared's own, which starts the service again after it has fetched a newer program. */
const UPDATE_TIMER = 'cloudflared-update.timer';

export async function findServices(files: SurveyFiles, home: string | undefined): Promise<readonly FoundService[]> {
  const ofUser = home === undefined ? [] : await findUnits(files, 'systemd-user', [`${home}/.config/systemd/user`], 'user');
  return [...(await findUnits(files, 'systemd', SYSTEM_UNIT_DIRECTORIES, 'root')), ...ofUser, ...(await findScripts(files))];
}

async function findUnits(files: SurveyFiles, init: ServiceInit, directories: readonly string[], authority: Authority): Promise<readonly FoundService[]> {
  const found = new Map<string, FoundService>();
  const names = new Set<string>();
  for (const [index, directory] of directories.entries()) {
    for (const name of files.list(directory).filter((entry) => entry.endsWith('.service') && !OURS.test(entry))) {
      if (names.has(name) || (index > 0 && !TELLING_NAME.test(name))) continue;
      names.add(name);
      const service = await readUnit(files, { init, directories, authority }, `${directory}/${name}`, name);
      if (service !== undefined) found.set(name, service);
    }
  }
  return [...found.values()];
}

interface UnitKind {
  readonly init: ServiceInit;
  readonly directories: readonly string[];
  readonly authority: Authority;
}

async function readUnit(files: SurveyFiles, { init, directories, authority }: UnitKind, file: string, name: string): Promise<FoundService | undefined> {
  if (files.readLink(file) === '/dev/null') return undefined; // masked
  const unit = await readTelling(files, file, name, authority);
  if (unit.kind === 'absent') return undefined;
  if (unit.kind === 'refused') return TELLING_NAME.test(name) ? unknownService({ kind: 'service', init, name, file, enabledBy: [], companions: [] }, authority, unit.why) : undefined;
  const dropIns = await Promise.all(directories.flatMap((directory) => files.list(`${directory}/${name}.d`).filter((entry) => entry.endsWith('.conf')).map((entry) => files.read(`${directory}/${name}.d/${entry}`, authority))));
  const texts = [unit.text, ...dropIns.flatMap((reading) => (reading.kind === 'read' ? [reading.text] : []))];
  const bare = parseSystemdUnit(texts);
  if (!mentionsProgram(bare, texts)) return undefined;
  const environments = await Promise.all(bare.environmentFiles.map((path) => files.read(path, authority)));
  const fileEnvironment = environments.reduce<Readonly<Record<string, string>>>((known, reading) => (reading.kind === 'read' ? readAssignments(reading.text, known) : known), {});
  return {
    origin: { kind: 'service', init, name, file, enabledBy: findWants(files, name, directories), companions: name === 'cloudflared.service' ? findCompanions(files, directories) : [] },
    authority,
    text: parseSystemdUnit(texts, fileEnvironment),
    unreadable: environments.flatMap((reading) => (reading.kind === 'refused' ? [reading.why] : [])),
  };
}

/** Root is asked only for what is likely to be about cloudflared. */
const readTelling = (files: SurveyFiles, file: string, name: string, authority: Authority): Promise<FileReading> => (authority === 'user' || TELLING_NAME.test(name) ? files.read(file, authority) : files.peek(file));

/** By what it runs; where that cannot be read, by its words. The updater runs the program too, and no tunnel. */
const mentionsProgram = ({ words }: ServiceText, texts: readonly string[]): boolean =>
  words === undefined ? texts.some((text) => /^ExecStart=.*\bcloudflared\b.*\btunnel\b/m.test(text)) : findProgram(words) !== undefined && words.includes('tunnel');

const unknownService = (origin: ServiceOrigin, authority: Authority, why: Unreadable): FoundService => ({
  origin, authority, unreadable: [why],
  text: { words: undefined, environment: {}, environmentFiles: [], user: undefined, workingDirectory: undefined },
});

/** What starts a unit of the machine at boot. */
export function findWants(files: SurveyFiles, name: string, directories: readonly string[] = SYSTEM_UNIT_DIRECTORIES): readonly string[] {
  return directories.flatMap((directory) => files.list(directory).filter((entry) => /\.(?:wants|requires)$/.test(entry)).flatMap((target) => (files.list(`${directory}/${target}`).includes(name) ? [`${directory}/${target}/${name}`] : [])));
}

const findCompanions = (files: SurveyFiles, directories: readonly string[]): readonly Companion[] =>
  directories.some((directory) => files.list(directory).includes(UPDATE_TIMER)) ? [{ name: UPDATE_TIMER, enabled: findWants(files, UPDATE_TIMER, directories).length > 0 }] : [];

async function findScripts(files: SurveyFiles): Promise<readonly FoundService[]> {
  const found: FoundService[] = [];
  for (const name of files.list(INIT_SCRIPTS).filter((entry) => !OURS.test(entry))) {
    const file = `${INIT_SCRIPTS}/${name}`;
    const script = await readTelling(files, file, name, 'root');
    if (script.kind !== 'read' || !/\bcloudflared\b/.test(script.text)) continue;
    const init: ServiceInit = /^#!.*openrc-run/.test(script.text) ? 'openrc' : 'sysv';
    const settings = await Promise.all((init === 'openrc' ? [`/etc/conf.d/${name}`] : [`/etc/sysconfig/${name}`, `/etc/default/${name}`]).map((path) => files.read(path, 'root')));
    const text = parseInitScript(name, script.text, settings.map((reading) => (reading.kind === 'read' ? reading.text : '')).join('\n'));
    if (text.words !== undefined && !text.words.includes('tunnel')) continue;
    found.push({
      origin: { kind: 'service', init, name, file, enabledBy: init === 'openrc' ? findRunlevels(files, name) : findLevelLinks(files, name), companions: [] },
      authority: 'root', text,
      unreadable: settings.flatMap((reading) => (reading.kind === 'refused' ? [reading.why] : [])),
    });
  }
  return found;
}

const findRunlevels = (files: SurveyFiles, name: string): readonly string[] => files.list('/etc/runlevels').filter((level) => files.list(`/etc/runlevels/${level}`).includes(name));

/** cloudflared's own installer calls them `S50et`. */
function findLevelLinks(files: SurveyFiles, name: string): readonly string[] {
  return SYSV_LEVELS.flatMap((level) => files.list(level).filter((entry) => entry.startsWith('S')).map((entry) => `${level}/${entry}`)).filter((link) => basename(files.readLink(link) ?? '') === name);
}
