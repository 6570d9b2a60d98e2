import { existsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { baseDirOfRevision } from '../../host/base-paths.js';
import { findUid } from '../../host/passwd.js';
import { listProcesses, type ProcessEntry } from '../../host/process-table.js';
import { note, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const NAME = 'other-cloudflared';

/** Where cloudflared's own `service install` and packages put services, and where people keep configurations. */
const FOREIGN_FILES = [
  'etc/systemd/system/cloudflared.service', 'lib/systemd/system/cloudflared.service', 'usr/lib/systemd/system/cloudflared.service',
  'etc/systemd/system/cloudflared-update.timer', 'etc/init.d/cloudflared', 'etc/cloudflared/config.yml', 'etc/cloudflared/config.yaml', 'etc/cloudflared/token',
] as const;
const OWN_CONFIGS = ['config.yml', 'config.yaml'] as const;

/** Other people's cloudflared: reported, never touched. `root` is where to look, and `among` at whom, for tests. */
export function checkForeign({ places, identity }: Pick<DoctorScope, 'places' | 'identity'>, root = '/', among: (entry: ProcessEntry) => boolean = () => true): Check {
  const processes = listProcesses((entry) => isCloudflared(entry) && among(entry)).map((entry) => ({ ...entry, keptIn: readKeeper(entry) }));
  const supervised = processes.flatMap(({ pid, keptIn }) => (keptIn === undefined || keptIn === places.baseDir ? [] : [`process ${pid}${describeOwner(pid)} in ${keptIn}`]));
  const home = identity.home;
  const files = [
    ...FOREIGN_FILES.map((file) => join(root, file)),
    ...(home === undefined ? [] : OWN_CONFIGS.map((file) => join(home, '.cloudflared', file))),
  ].filter((file) => existsSync(file));
  const found = [...processes.flatMap(({ pid, argv, keptIn }) => (keptIn === undefined ? [`process ${pid} (${describe(argv)})`] : [])), ...files];
  const others = supervised.length === 0 ? '' : `Another supervisor keeps ${supervised.join(', ')}. It is not touched.`;
  if (found.length > 0)
    return note(NAME, 'FOREIGN_CLOUDFLARED', `There is a cloudflared of somebody else: ${found.join(', ')}. It is not touched. ${others}`.trimEnd(), '`cloudflared-supervisor import` says what could be taken over from it.');
  if (others !== '') return note(NAME, 'FOREIGN_SUPERVISOR', others, 'There is nothing to do: each supervisor minds its own connectors.');
  return pass(NAME, 'none');
}

/** The base directory of the supervisor whose connector it is. */
const readKeeper = ({ argv }: ProcessEntry): string | undefined => argv.map((word) => baseDirOfRevision(word.replace(/^--config=/, ''))).find((baseDir) => baseDir !== undefined);

function describeOwner(pid: number): string {
  try {
    const { uid } = statSync(`/proc/${pid}`);
    return ` of ${findUid(uid)?.name ?? `uid ${uid}`}`;
  } catch {
    return ''; // It has just ended, or there is no /proc to ask.
  }
}

const isCloudflared = ({ argv }: ProcessEntry): boolean => basename(argv[0] ?? '') === 'cloudflared';

/** Its command, and nothing of its values: a token may be among them. */
const COMMAND_WORDS = new Set(['tunnel', 'run', 'login', 'access', 'proxy-dns', 'update']);
const describe = (argv: readonly string[]): string => ['cloudflared', ...argv.slice(1).filter((word) => COMMAND_WORDS.has(word))].join(' ');
