import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
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

/** Other people's cloudflared: reported, never touched. `root` is where to look, for tests. */
export function checkForeign({ places, identity }: Pick<DoctorScope, 'places' | 'identity'>, root = '/'): Check {
  const ours = `${places.paths.revisionsDir}/`;
  const processes = listProcesses((entry) => isCloudflared(entry) && !entry.argv.some((argument) => argument.startsWith(ours)));
  const home = identity.home;
  const files = [
    ...FOREIGN_FILES.map((file) => join(root, file)),
    ...(home === undefined ? [] : OWN_CONFIGS.map((file) => join(home, '.cloudflared', file))),
  ].filter((file) => existsSync(file));
  if (processes.length === 0 && files.length === 0) return pass(NAME, 'none');
  const found = [...processes.map(({ pid, argv }) => `process ${pid} (${describe(argv)})`), ...files];
  return note(NAME, 'FOREIGN_CLOUDFLARED', `There is a cloudflared of somebody else: ${found.join(', ')}. It is not touched.`, '`cloudflared-supervisor import` says what could be taken over from it.');
}

const isCloudflared = ({ argv }: ProcessEntry): boolean => basename(argv[0] ?? '') === 'cloudflared';

/** Its command, and nothing of its values: a token may be among them. */
const COMMAND_WORDS = new Set(['tunnel', 'run', 'login', 'access', 'proxy-dns', 'update']);
const describe = (argv: readonly string[]): string => ['cloudflared', ...argv.slice(1).filter((word) => COMMAND_WORDS.has(word))].join(' ');
