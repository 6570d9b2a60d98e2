import { existsSync } from 'node:fs';
import type { UserIds } from '../host/as-user.js';
import { basePaths } from '../host/base-paths.js';
import { SYSTEM_PATH } from '../host/child-environment.js';
import { listProcesses } from '../host/process-table.js';
import { runProgram } from '../host/run-program.js';
import type { InitDriver, UnitState } from './driver.js';
import { fillTemplate } from './fill-template.js';
import { requireProgram, type FindProgram } from './require-program.js';
import { readInitFile } from './init-files.js';
import { quoteShellWord, WordsToEvaluate } from './quote.js';
import { SERVICE_NAME, stopTimeoutSeconds, type ServiceSpec } from './service-spec.js';
import { runStep, type Step } from './steps.js';
import { printMarker } from './unit-marker.js';

const SCRIPT = `/etc/init.d/${SERVICE_NAME}`;
/** Not in conf.d: that is read by whoever asks for the status, and this may hold the password of a proxy. */
const ENVIRONMENT = `/etc/${SERVICE_NAME}.env`;
const ENABLED = `/etc/runlevels/default/${SERVICE_NAME}`;

const ASK_TIMEOUT_MS = 10_000;
const START_TIMEOUT_MS = 60_000;

/** For the machine; OpenRC as packaged so far knows no units of users. */
export function openrcScript(user: UserIds, baseDir: string, find: FindProgram = requireProgram): InitDriver {
  return {
    init: 'openrc',
    scope: 'system',
    unitFile: SCRIPT,
    respawnsAlways: true,
    hardenings: ['none'],
    logCommand: `tail -f ${quoteShellWord(basePaths(baseDir).daemonLog)}`,
    install: async (spec, hardening): Promise<readonly Step[]> => [
      { kind: 'make-directories', directories: [spec.baseDir, spec.stateDir], by: 'user' },
      { kind: 'write-file', path: ENVIRONMENT, mode: 0o600, content: environmentOf(spec), by: 'root' },
      { kind: 'write-file', path: SCRIPT, mode: 0o755, content: await fillScript(spec, hardening), by: 'root' },
      runStep('root', [find('rc-update'), 'add', SERVICE_NAME, 'default']),
    ],
    start: ({ active }) => [
      // Its supervisor was killed: OpenRC is made to forget it, or `start` would do nothing, successfully.
      ...(active === 'failed' ? [runStep('root', [find('rc-service'), SERVICE_NAME, 'zap'])] : []),
      runStep('root', [find('rc-service'), SERVICE_NAME, 'start'], START_TIMEOUT_MS),
    ],
    stop: ({ gracePeriodMs }) => [runStep('root', [find('rc-service'), SERVICE_NAME, 'stop'], 2 * gracePeriodMs + START_TIMEOUT_MS)],
    remove: () => [
      runStep('root', [find('rc-update'), '--quiet', 'delete', SERVICE_NAME, 'default']),
      { kind: 'remove-file', path: SCRIPT, by: 'root' },
      { kind: 'remove-file', path: ENVIRONMENT, by: 'root' },
    ],
    readState: async () => {
      const { exitCode, stdout, stderr } = await runProgram([find('rc-service'), SERVICE_NAME, 'status'], { env: { PATH: SYSTEM_PATH, LANG: 'C' }, timeoutMs: ASK_TIMEOUT_MS });
      return toState(exitCode ?? -1, stripColours(`${stdout}${stderr}`));
    },
  };

  function environmentOf({ environment }: ServiceSpec): string {
    const exported = Object.entries(environment).filter(([name]) => name !== 'PATH');
    const lines = exported.map(([name, value]) => `export ${name}=${quoteShellWord(value)}\n`);
    return `# Read by ${SCRIPT}. Written by \`cloudflared-supervisor service install\`.\n${lines.join('')}`;
  }

  async function fillScript(spec: ServiceSpec, hardening: string): Promise<string> {
    const { node, program, runArguments, placeArguments, stateDir } = spec;
    const words = (...parts: readonly string[]): string => parts.map(quoteShellWord).join(' ');
    const evaluated = new WordsToEvaluate();
    const values = {
      marker: printMarker({ user: user.name, baseDir: spec.baseDir, scope: 'system', hardening }),
      name: quoteShellWord(user.name),
      environmentFile: quoteShellWord(ENVIRONMENT),
      command: evaluated.refer([find('env')]),
      arguments: evaluated.refer([`PATH=${spec.environment['PATH'] ?? SYSTEM_PATH}`, node, program, 'run', ...runArguments]),
      log: evaluated.refer([spec.logFile]),
      logFile: quoteShellWord(spec.logFile),
      directories: words(spec.baseDir, stateDir),
      sweep: words(node, program, 'service', 'sweep', ...placeArguments),
      stopTimeoutSeconds: String(stopTimeoutSeconds(spec)),
    };
    return fillTemplate(await readInitFile('openrc.sh'), { ...values, words: evaluated.assignments });
  }
}

// oxlint-disable-next-line no-control-regex
const stripColours = (text: string): string => text.replaceAll(/\u001B\[[\d;]*[A-Za-z]/g, '');

/** What `status` of a supervised service exits with. */
const ACTIVE: Readonly<Record<number, UnitState['active']>> = { 0: 'active', 3: 'inactive', 4: 'stopping', 8: 'starting', 32: 'failed', 64: 'failed' };

function toState(exitCode: number, said: string): UnitState {
  const supervisors = listProcesses(({ argv }) => argv[0]?.endsWith('supervise-daemon') === true && argv[1] === SERVICE_NAME).map(({ pid }) => pid);
  const active = ACTIVE[exitCode] ?? 'inactive';
  // OpenRC does not tell a user who is not root.
  const isOrphaned = active === 'active' && supervisors.length === 0;
  return {
    active: isOrphaned ? 'failed' : active,
    enabled: existsSync(ENABLED),
    // What supervise-daemon wrote down of its child is for root's eyes only.
    pid: listProcesses(({ ppid }) => supervisors.includes(ppid))[0]?.pid,
    detail: isOrphaned ? 'its supervise-daemon is gone' : (said.trim().split('\n').at(-1) ?? '').replace(/^[\s*]+/, ''),
    setUpFailed: false,
  };
}
