import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { createClient, type SupervisorClient } from '../../../src/api/client.js';
import { listProcesses } from '../../../src/host/process-table.js';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../../src/sandbox/sandbox.js';
import { toOriginCert } from '../../../src/sandbox/world/api-tokens.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** The program as it is installed, in a base directory of its own, beside the offline Cloudflare. */
export interface Victim {
  readonly sandbox: Sandbox;
  readonly directory: string;
  readonly baseDir: string;
  readonly stateDir: string;
  readonly socketPath: string;
  readonly client: SupervisorClient;
  /** Resolves when it serves; rejects with what it said where it ended before. `wrapper`: words before the command, of a program that becomes it. */
  start(environment?: Readonly<Record<string, string>>, wrapper?: readonly string[]): Promise<VictimProcess>;
  certificate(): string;
  setUp(): Promise<void>;
}

export interface VictimProcess {
  readonly pid: number;
  /** Everything on standard output and standard error so far. */
  log(): string;
  isAlive(): boolean;
  residentMegabytes(): number;
  descriptors(): number;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export async function createVictim(options: SandboxOptions = {}): Promise<Victim> {
  const directory = await mkdtemp(join(tmpdir(), 'abuse-'));
  const sandbox = await startSandbox(options);
  const baseDir = join(directory, 'base');
  const stateDir = join(directory, 'state');
  const socketPath = join(baseDir, 'control.sock');
  const client = createClient({ socketPath });
  const started: VictimProcess[] = [];

  onTestFinished(async () => {
    for (const victim of started) await victim.kill('SIGKILL');
    for (const { pid } of listProcesses(({ argv }) => argv.some((argument) => argument.startsWith(`${baseDir}/`)))) process.kill(pid, 'SIGKILL');
    await sandbox.close();
    await rm(directory, { recursive: true, force: true });
  });

  const certificate = (): string => {
    const zone = sandbox.world.zones.find('example.com');
    if (zone === undefined) throw new Error('the sandbox has no zone');
    return toOriginCert(sandbox.world.tokens.issue(zone));
  };

  return {
    sandbox, directory, baseDir, stateDir, socketPath, client, certificate,
    start: async (environment = {}, wrapper = []) => {
      const [file, ...words] = [...wrapper, process.execPath, PROGRAM, 'run'] as const;
      const child = spawn(file, words, {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: process.env['PATH'], HOME: '/nonexistent', ...sandbox.environment(),
          CLOUDFLARED_SUPERVISOR_BASE_DIR: baseDir, CLOUDFLARED_SUPERVISOR_STATE_DIR: stateDir, ...environment,
        },
      });
      let log = '';
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (log += text));
      const ended = once(child, 'exit');
      const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;
      const victim = toProcess(child.pid ?? 0, {
        log: () => log,
        isAlive,
        kill: async (signal) => {
          if (isAlive()) child.kill(signal);
          await ended;
        },
      });
      started.push(victim);
      await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error(`it ended: ${log}`)))]);
      return victim;
    },
    setUp: async () => {
      const { seq } = await client.startSetup({ cert: certificate() });
      for await (const { type, data } of client.events({ since: seq })) {
        if (type === 'setup.completed') return;
        if (type === 'setup.failed') throw new Error(`the setup failed: ${JSON.stringify(data)}`);
      }
    },
  };
}

const toProcess = (pid: number, rest: Pick<VictimProcess, 'log' | 'isAlive' | 'kill'>): VictimProcess => ({
  pid,
  ...rest,
  residentMegabytes: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
  descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
});
