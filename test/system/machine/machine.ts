import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inject } from 'vitest';
import { listProcesses, listTree, type ProcessEntry } from '../../../src/host/process-table.js';
import { awaitImage } from './prepare-run.js';
import { until } from './until.js';

const SCRIPT = join(import.meta.dirname, 'machine.sh');
const NSENTER = '/usr/bin/nsenter';
const BOOT_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 60_000;

/** As seen in every machine. */
export const CLI = '/opt/cloudflared-supervisor/dist/cli/main.js';
export const NODE = '/opt/node/bin/node';
export const SHARED = '/opt/shared';
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface MachineOptions {
  readonly kind: 'host' | 'image' | 'booted';
  /** A root file system; for kinds `image` and `booted`. The one of this run unless given. */
  readonly image?: string;
  /** A directory that is seen as /opt/shared. */
  readonly shared: string;
  readonly users?: Readonly<Record<string, number>>;
  /** The Node of the machine; ours unless given. */
  readonly node?: string;
}

export interface RunOptions {
  /** Root unless given. */
  readonly user?: string;
  /** All of it; PATH alone unless given. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

export interface Outcome {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Of processes in the machine, by pids as this side sees them. */
export interface MachineProcess extends ProcessEntry {
  /** As the innermost of the machine's namespaces sees it. */
  readonly innerPid: number;
}

/** A machine of its own in namespaces: when it is closed, or the test dies, all of it is gone. */
export interface Machine {
  /** Its root directory, seen from here. */
  readonly root: string;
  run(argv: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** As `run`, and rejects where it fails; resolves with what it wrote. */
  must(argv: readonly string[], options?: RunOptions): Promise<string>;
  /** A shell line, for the plumbing of tests. */
  sh(line: string, options?: RunOptions): Promise<string>;
  spawn(argv: readonly string[], options?: RunOptions): ChildProcess;
  processes(accept?: (process: ProcessEntry) => boolean): readonly MachineProcess[];
  read(path: string): string;
  /** Of kind `booted`: orderly, as an administrator does it. */
  reboot(): Promise<void>;
  close(): Promise<void>;
}

/** To the one process that there is: none, or several, is a test gone wrong, and 0 would be ourselves. */
export function signal(processes: readonly Pick<ProcessEntry, 'pid'>[], name: NodeJS.Signals): void {
  const [one, ...others] = processes;
  if (one === undefined || others.length > 0) throw new Error(`there are ${processes.length} processes to signal`);
  process.kill(one.pid, name);
}

let made = 0;

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const name = `supervisor-test-${process.pid}-${(made += 1)}`;
  const runDirectory = inject('runDirectory');
  const users = { ...options.users };
  const child = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '/bin/sh', SCRIPT], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH, NAME: name, KIND: options.kind, IMAGE: options.kind === 'host' ? '' : (options.image ?? (await awaitImage(runDirectory))), PACKAGE: join(runDirectory, 'package'), NODE: options.node ?? process.execPath, SHARED: options.shared,
      USERS: Object.entries(users).map(([user, uid]) => `${user}:${uid}`).join(' '),
    },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-20_000)));
  const exited = once(child, 'exit');
  const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text)), exited.then(() => 'ended')]);
  if (line !== 'ready') throw new Error(`the machine did not start: ${said}`);
  let init = await findInit(child.pid ?? 0, options.kind, () => said);
  const root = (): string => `/proc/${init}/root`;

  const start: Machine['spawn'] = (argv, { user, env = {}, input } = {}) => {
    const uid = user === undefined ? undefined : (users[user] ?? uidOf(root(), user));
    const inside = ['-t', String(init), '-m', '-p', '-r', '--wdns=/', ...(options.kind === 'booted' ? ['-u', '-i', '-n'] : [])];
    const asUser = uid === undefined ? [] : ['-S', String(uid), '-G', String(uid)];
    const started = spawn(NSENTER, [...inside, ...asUser, '--', ...argv], { env: { PATH, ...env }, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    if (input !== undefined) started.stdin?.end(input);
    return started;
  };
  const run: Machine['run'] = async (argv, runOptions = {}) => await collect(start(argv, runOptions), runOptions.timeoutMs ?? RUN_TIMEOUT_MS);
  const must: Machine['must'] = async (argv, runOptions) => {
    const { code, signal, stdout, stderr } = await run(argv, runOptions);
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${signal ?? code}\n${stdout}${stderr}`);
    return stdout;
  };
  return {
    get root() {
      return root();
    },
    run, must, spawn: start,
    sh: async (text, runOptions) => await must(['/bin/sh', '-c', text], runOptions),
    processes: (accept = () => true) => processesOf(init).filter(accept).flatMap((entry) => {
      const innerPid = innerPidOf(entry.pid);
      return innerPid === undefined ? [] : [{ ...entry, innerPid }];
    }),
    read: (path) => readFileSync(join(root(), path), 'utf8'),
    reboot: async () => {
      const before = init;
      await run(['systemctl', 'reboot']);
      init = await findInit(child.pid ?? 0, options.kind, () => said, before);
    },
    close: async () => {
      child.stdin.end();
      await exited;
      if (options.kind === 'booted') removeControlGroups(name);
    },
  };
}

/** The process whose namespaces are the machine's: the script itself, or the systemd that it boots. */
async function findInit(unshare: number, kind: MachineOptions['kind'], said: () => string, before?: number): Promise<number> {
  const script = listProcesses(({ ppid }) => ppid === unshare)[0]?.pid;
  if (script === undefined) throw new Error('the machine has no first process');
  if (kind !== 'booted') return script;
  try {
    return await until(async () => {
      const leader = listTree(script).find(({ pid, argv }) => pid !== before && /(^|\/)(systemd|init)$/.test(argv[0] ?? ''))?.pid ?? 0;
      const state = await collect(spawn(NSENTER, ['-t', String(leader), '-m', '-u', '-i', '-n', '-p', '-r', '--', '/bin/systemctl', 'is-system-running', '--wait'], { stdio: ['ignore', 'pipe', 'pipe'] }), BOOT_TIMEOUT_MS);
      return ['running', 'degraded'].includes(state.stdout.trim()) ? leader : 0;
    }, (leader) => leader !== 0, BOOT_TIMEOUT_MS);
  } catch (error) {
    throw new Error(`the machine did not boot: ${said()}`, { cause: error });
  }
}

async function collect(child: ChildProcess, timeoutMs: number): Promise<Outcome> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { code: code ?? undefined, signal: signal ?? undefined, stdout, stderr };
}

function uidOf(root: string, user: string): number {
  const uid = readFileSync(`${root}/etc/passwd`, 'utf8').split('\n').map((line) => line.split(':')).find(([name]) => name === user)?.[2];
  if (uid === undefined) throw new Error(`the machine has no user ${user}`);
  return Number(uid);
}

/** Those in the same namespace, and what they started in namespaces below it. */
function processesOf(init: number): readonly ProcessEntry[] {
  const all = listProcesses();
  const namespace = namespaceOf(init);
  const found = all.filter(({ pid }) => namespaceOf(pid) === namespace);
  for (const parent of found) found.push(...all.filter((entry) => entry.ppid === parent.pid && !found.includes(entry)));
  return found;
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // It has just ended.
  }
}

function innerPidOf(pid: number): number | undefined {
  try {
    return Number(/^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined; // It has just ended.
  }
}

/** What the kernel keeps of the control groups of a machine that is gone. */
function removeControlGroups(name: string): void {
  for (const hierarchy of ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup']) removeTree(join(hierarchy, name));
}

function removeTree(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) removeTree(join(directory, entry.name));
    rmdirSync(directory);
  } catch {
    // Not there, or a process in it is still being taken apart: empty groups harm nobody.
  }
}
