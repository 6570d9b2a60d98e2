import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { UserIds } from '../host/as-user.js';
import { SYSTEM_PATH } from '../host/child-environment.js';
import { runProgram, type Argv } from '../host/run-program.js';
import { lingers, managerSocket, runForUser } from './carry-out.js';
import type { InitDriver, UnitState } from './driver.js';
import { fillTemplate } from './fill-template.js';
import { requireProgram, type FindProgram } from './require-program.js';
import { readInitFile } from './init-files.js';
import { quoteEnvironmentLine, quoteUnitPath, quoteUnitWord } from './quote.js';
import { SERVICE_NAME, stopTimeoutSeconds, type Scope, type ServiceSpec } from './service-spec.js';
import { runStep, type Step } from './steps.js';
import { printMarker } from './unit-marker.js';

const UNIT = `${SERVICE_NAME}.service`;
const ASK_TIMEOUT_MS = 10_000;
/** Above `TimeoutStartSec=` of the unit. */
const START_TIMEOUT_MS = 120_000;
const LINGER_TIMEOUT_MS = 15_000;

/** For the machine: files of root, `User=`. */
export function systemUnit(user: UserIds, find: FindProgram = requireProgram): InitDriver {
  return createDriver({
    find,
    scope: 'system',
    user,
    unitFile: `/etc/systemd/system/${UNIT}`,
    environmentFile: () => `/etc/${SERVICE_NAME}.env`,
    template: 'systemd-system.service',
    hardenings: usesSudoAtRunTime() ? ['sudo', 'none'] : ['full', 'kernel', 'none'],
  });
}

/** For the user alone: files of theirs, and their own systemd, which lingering keeps alive. */
export function userUnit(user: UserIds, baseDir: string, find: FindProgram = requireProgram): InitDriver {
  return createDriver({
    find,
    scope: 'user',
    user,
    unitFile: join(user.home ?? baseDir, '.config/systemd/user', UNIT),
    environmentFile: () => join(baseDir, 'service.env'),
    template: 'systemd-user.service',
    hardenings: usesSudoAtRunTime() ? ['none'] : ['kernel', 'none'],
  });
}

/** On a Proxmox host we run `pct`, through sudo where we are not root: what forbids new privileges forbids that. */
const usesSudoAtRunTime = (): boolean => ['/usr/sbin/pct', '/usr/bin/pct'].some((path) => existsSync(path));

interface Flavour {
  readonly find: FindProgram;
  readonly scope: Scope;
  readonly user: UserIds;
  readonly unitFile: string;
  readonly environmentFile: () => string;
  readonly template: 'systemd-system.service' | 'systemd-user.service';
  readonly hardenings: readonly string[];
}

function createDriver({ find, scope, user, unitFile, environmentFile, template, hardenings }: Flavour): InitDriver {
  const by = scope === 'system' ? 'root' : 'user';
  const systemctl = (...words: readonly string[]): Argv => [find('systemctl'), ...(scope === 'user' ? ['--user'] : []), ...words];
  const journal = scope === 'user' ? `journalctl --user-unit ${UNIT}` : `journalctl -u ${UNIT}`;
  return {
    init: 'systemd',
    scope,
    unitFile,
    respawnsAlways: false,
    hardenings,
    logCommand: journal,
    install: async (spec, hardening): Promise<readonly Step[]> => [
      // First what may be refused.
      ...(scope === 'user' ? awaitManager(user, find) : []),
      { kind: 'make-directories', directories: [spec.baseDir, spec.stateDir], by: 'user' },
      { kind: 'write-file', path: environmentFile(), mode: 0o600, content: environmentOf(spec), by },
      { kind: 'write-file', path: unitFile, mode: 0o644, content: await fillUnit(template, { spec, scope, hardening, environmentFile: environmentFile() }), by },
      runStep(by, systemctl('daemon-reload')),
      runStep(by, systemctl('enable', UNIT)),
    ],
    start: () => [...(scope === 'user' ? awaitManager(user, find) : []), runStep(by, systemctl('start', UNIT), START_TIMEOUT_MS)],
    // Twice the time: the daemon may take it all, and then what it left.
    stop: ({ gracePeriodMs }) => [runStep(by, systemctl('stop', UNIT), 2 * gracePeriodMs + START_TIMEOUT_MS)],
    remove: () => [
      runStep(by, systemctl('disable', UNIT)),
      { kind: 'remove-file', path: unitFile, by },
      { kind: 'remove-file', path: environmentFile(), by },
      runStep(by, systemctl('daemon-reload')),
    ],
    readState: async () => {
      const argv = systemctl('show', '--property=LoadState,ActiveState,SubState,UnitFileState,MainPID,Result,ExecMainStatus', UNIT);
      const options = { env: { PATH: SYSTEM_PATH, LANG: 'C' }, timeoutMs: ASK_TIMEOUT_MS };
      if (scope === 'system') return parseState((await runProgram(argv, options)).stdout);
      const state = parseState((await runForUser(user, argv, ASK_TIMEOUT_MS)).stdout);
      // Without lingering it is started by the first session of the user, whatever is enabled.
      return { ...state, enabled: state.enabled && lingers(user) };
    },
  };
}

const awaitManager = (user: UserIds, find: FindProgram): readonly Step[] => [
  { kind: 'enable-linger', argv: [find('loginctl'), 'enable-linger', user.name], timeoutMs: LINGER_TIMEOUT_MS },
  { kind: 'await-user-manager', socket: managerSocket(user), timeoutMs: LINGER_TIMEOUT_MS },
];

const environmentOf = ({ environment }: ServiceSpec): string =>
  `# Read by ${UNIT}. Written by \`cloudflared-supervisor service install\`.\n${Object.entries(environment).map(([name, value]) => `${quoteEnvironmentLine(name, value)}\n`).join('')}`;

interface UnitContent {
  readonly spec: ServiceSpec;
  readonly scope: Scope;
  readonly hardening: string;
  readonly environmentFile: string;
}

async function fillUnit(template: Flavour['template'], { spec, scope, hardening, environmentFile }: UnitContent): Promise<string> {
  const { user, node, program, runArguments, placeArguments, baseDir, stateDir } = spec;
  const words = (...parts: readonly string[]): string => parts.map(quoteUnitWord).join(' ');
  // One that is not there must not keep the unit from starting.
  const paths = [baseDir, stateDir].map((path) => quoteUnitPath(`-${path}`)).join(' ');
  const values = {
    marker: printMarker({ user: user.name, baseDir, scope, hardening }),
    name: user.name,
    environmentFile: environmentFile.replaceAll('%', '%%'),
    run: words(node, program, 'run', ...runArguments),
    sweep: words(node, program, 'service', 'sweep', ...placeArguments),
    stopTimeoutSeconds: String(stopTimeoutSeconds(spec)),
    hardening: await fillHardening(hardening, { uid: String(user.uid), gid: String(user.gid), directories: words(baseDir, stateDir), writable: paths }),
  };
  return fillTemplate(await readInitFile(template), values);
}

/** What each set is made of. `kernel` alone is for where no mounts can be made: unprivileged containers, a user's own systemd. */
const HARDENINGS: Readonly<Record<string, readonly ('files' | 'kernel' | 'capabilities' | 'sudo')[]>> = {
  full: ['files', 'kernel', 'capabilities'],
  kernel: ['kernel'],
  sudo: ['sudo'],
  none: [],
};

async function fillHardening(name: string, values: Readonly<Record<string, string>>): Promise<string> {
  const parts = await Promise.all((HARDENINGS[name] ?? []).map(async (part) => ({ part, text: await readInitFile(`hardening-${part}.conf`) })));
  return parts.map(({ part, text }) => fillTemplate(text.trimEnd(), part === 'files' ? values : {})).join('\n\n');
}

/** 200 to 243 are systemd's own: it failed between fork and our program (226 the mounts, 228 the filter of system calls, …). */
const isSetUpFailure = (status: number): boolean => status >= 200 && status <= 243;

export function parseState(shown: string): UnitState {
  const of = new Map(shown.split('\n').flatMap((line) => (line.includes('=') ? [[line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const] : [])));
  const state = of.get('ActiveState') ?? '';
  const result = of.get('Result') ?? '';
  const pid = Number(of.get('MainPID') ?? 0);
  const status = Number(of.get('ExecMainStatus') ?? 0);
  return {
    active: ACTIVE[state] ?? 'inactive',
    enabled: of.get('UnitFileState') === 'enabled',
    pid: pid > 0 ? pid : undefined,
    detail: `${state} (${of.get('SubState') ?? ''}${result === '' || result === 'success' ? '' : `, ${result}`}${status === 0 ? '' : `, exit status ${status}`})`,
    setUpFailed: state !== 'active' && isSetUpFailure(status),
  };
}

const ACTIVE: Readonly<Record<string, UnitState['active']>> = { active: 'active', reloading: 'active', activating: 'starting', deactivating: 'stopping', failed: 'failed' };
