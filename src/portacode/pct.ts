import { accessSync, constants, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { posix } from 'node:path';
import { SupervisorError } from '../core/errors.js';
import { SYSTEM_PATH, type Environment } from '../host/child-environment.js';
import { runPrivileged } from '../host/privileged.js';

/** Files of a container, through Proxmox's `pct` and so as root. */
export interface ContainerFiles {
  /** Undefined where the file is not there, or the container does not say. */
  read(vmid: number, path: string): Promise<string | undefined>;
  /**
   * Puts a file in place whole or not at all, of root and readable by all: whoever polls it never sees half of it.
   * @throws SupervisorError CONTAINER_NOT_TOLD, PRIVILEGE_*
   */
  replace(vmid: number, path: string, content: string): Promise<void>;
}

export interface PctOptions {
  /** Of this process: its PATH is where `pct` is looked for. */
  readonly env: Environment;
  readonly timeoutMs?: number;
}

/** A container that starts may let `pct exec` wait. */
const TIMEOUT_MS = 30_000;

export function createPct({ env, timeoutMs = TIMEOUT_MS }: PctOptions): ContainerFiles {
  const run = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await runPrivileged([findPct(env['PATH']), ...args], { timeoutMs, env });
    return stdout;
  };
  const exec = (vmid: number, ...command: readonly string[]): Promise<string> => run('exec', String(vmid), '--', ...command);

  return {
    // One that is missing, and a container that is stopped, are no reason not to try to write.
    read: (vmid, path) => exec(vmid, 'cat', path).catch(() => undefined),
    replace: async (vmid, path, content) => {
      const directory = posix.dirname(path);
      const beside = `${path}.new`;
      const local = await mkdtemp(join(tmpdir(), 'cloudflared-supervisor-'));
      try {
        const file = join(local, 'content');
        await writeFile(file, content, { mode: 0o644 });
        await exec(vmid, 'mkdir', '-p', directory);
        await exec(vmid, 'chown', 'root:root', directory);
        await run('push', String(vmid), file, beside);
        await exec(vmid, 'chown', 'root:root', beside);
        await exec(vmid, 'chmod', '644', beside);
        await exec(vmid, 'mv', '-f', beside, path);
      } catch (error) {
        throw notTold(error, vmid, path);
      } finally {
        await rm(local, { recursive: true, force: true });
      }
    },
  };
}

/** What `pct` said is what a person needs; that we may not run it at all has codes of its own. */
function notTold(error: unknown, vmid: number, path: string): unknown {
  const isOwnCode = error instanceof SupervisorError && error.code !== 'PRIVILEGED_COMMAND_FAILED' && error.code !== 'PRIVILEGED_COMMAND_TIMED_OUT';
  if (isOwnCode) return error;
  return new SupervisorError('CONTAINER_NOT_TOLD', `${path} could not be written into container ${vmid}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

/** By its absolute path, so that sudoers can allow it alone. @throws SupervisorError CONTAINER_NOT_TOLD */
function findPct(path: string | undefined): string {
  for (const directory of [...(path ?? '').split(delimiter), ...SYSTEM_PATH.split(delimiter)]) {
    const file = join(directory, 'pct');
    if (isAbsolute(file) && isProgram(file)) return file;
  }
  throw new SupervisorError('CONTAINER_NOT_TOLD', 'There is no `pct` on PATH, so containers cannot be told what of them is published', { hint: 'Run the daemon on the Proxmox host itself.' });
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // Not there, or not ours to run: the next directory may have one.
  }
}
