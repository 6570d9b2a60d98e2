import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectSandbox, type CreatedTunnel, type SandboxControl } from '../sandbox/control-client.js';
import { Program } from './program.js';

/** The sandbox as a process of its own, and a home in which the supervisor works against it. */
export interface Offline {
  readonly control: SandboxControl;
  /** Where visitors go: the edge's front. */
  readonly visitors: string;
  /** For a person: the page to log in at. */
  readonly loginPage: string;
  readonly cloudflared: { readonly kind: 'real' | 'stand-in'; readonly version: string };
  readonly cloudflaredPath: string;
  /** For every process of ours: the sandbox's variables, and directories below the home. */
  readonly environment: NodeJS.ProcessEnv;
  readonly socketPath: string;
  readonly edge: readonly string[];
  readonly edgeCa: string;
  createTunnel(name: string): Promise<CreatedTunnel>;
  stop(): Promise<void>;
}

interface SandboxReady {
  readonly visitors: string;
  readonly loginPage: string;
  readonly control: string;
  readonly cloudflared: { readonly kind: 'real' | 'stand-in'; readonly path: string };
  readonly environment: Readonly<Record<string, string>>;
}

const STOP_TIMEOUT_MS = 10_000;

/**
 * Starts `sandbox` with one zone; `home` is a directory of the caller's that goes with it. `signal` gives the start up; what
 * has started is for the caller to stop.
 */
export async function startOffline(home: string, zone: string, signal?: AbortSignal): Promise<Offline> {
  const program = new Program(['sandbox', '--zone', zone, '--json'], process.env);
  try {
    const ready = (await program.line((line) => line['event'] === 'sandbox.ready', signal)) as unknown as SandboxReady;
    return describeOffline(program, ready, await readVersion(ready.cloudflared.path), home, zone);
  } catch (error) {
    await program.stop(STOP_TIMEOUT_MS);
    throw error;
  }
}

function describeOffline(program: Program, ready: SandboxReady, version: string, home: string, zone: string): Offline {
  const baseDir = join(home, 'base');
  const environment = {
    ...process.env,
    ...ready.environment,
    CLOUDFLARED_SUPERVISOR_CLOUDFLARED: ready.cloudflared.path,
    CLOUDFLARED_SUPERVISOR_BASE_DIR: baseDir,
    CLOUDFLARED_SUPERVISOR_STATE_DIR: join(home, 'state'),
  };
  const control = connectSandbox(ready.control);
  return {
    control,
    visitors: ready.visitors,
    loginPage: ready.loginPage,
    cloudflared: { kind: ready.cloudflared.kind, version },
    cloudflaredPath: ready.cloudflared.path,
    environment,
    socketPath: join(baseDir, 'control.sock'),
    edge: (ready.environment['CLOUDFLARED_SUPERVISOR_EDGE'] ?? '').split(','),
    edgeCa: ready.environment['CLOUDFLARED_SUPERVISOR_EDGE_CA'] ?? '',
    createTunnel: async (name) => await control.createTunnel(name, zone),
    stop: async () => {
      if (!(await program.stop(STOP_TIMEOUT_MS))) throw new Error('the sandbox had to be killed');
    },
  };
}

async function readVersion(cloudflared: string): Promise<string> {
  const { stdout } = await promisify(execFile)(cloudflared, ['--version']);
  return /cloudflared version (\S+)/.exec(stdout)?.[1] ?? stdout.trim();
}
