import { lstat, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PREFIX = 'cloudflared-supervisor-sandbox-';
const OWNER_FILE = 'owner';
/** Between making a directory and saying whose it is, a process can be killed; nobody else takes so long. */
const NAMELESS_MS = 3_600_000;

/**
 * A private directory below `root` for this process. Those of sandboxes that were killed, and so could not remove their
 * own, are removed first: each says whose it is.
 */
export async function makeScratchDirectory(root: string): Promise<string> {
  const self = await describeProcess(process.pid);
  if (self !== undefined) await removeAbandoned(root, self);
  const directory = await mkdtemp(join(root, PREFIX));
  if (self !== undefined) await writeFile(join(directory, OWNER_FILE), self.line);
  return directory;
}

interface Owner {
  /** Pids repeat, and mean something else in another namespace. */
  readonly namespace: string;
  readonly line: string;
}

/** Undefined where there is no such process, or no /proc to ask. */
async function describeProcess(pid: number): Promise<Owner | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything; the start time is the 20th field after it.
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const namespace = await readlink('/proc/self/ns/pid');
    return startTime === undefined ? undefined : { namespace, line: `${namespace} ${bootId} ${pid} ${startTime}\n` };
  } catch {
    return undefined;
  }
}

async function removeAbandoned(root: string, self: Owner): Promise<void> {
  for (const name of await readdir(root)) {
    if (!name.startsWith(PREFIX)) continue;
    const directory = join(root, name);
    // One that cannot be looked at or removed is somebody else's, or just going.
    await isAbandoned(directory, self).then(async (abandoned) => (abandoned ? await rm(directory, { recursive: true, force: true }) : undefined)).catch(() => undefined);
  }
}

async function isAbandoned(directory: string, self: Owner): Promise<boolean> {
  const about = await lstat(directory);
  if (!about.isDirectory() || about.uid !== process.geteuid?.()) return false;
  const owner = await readFile(join(directory, OWNER_FILE), 'utf8').catch(() => '');
  if (owner === '') return Date.now() - about.mtimeMs > NAMELESS_MS;
  const [namespace, , pid] = owner.split(' ');
  return namespace === self.namespace && (await describeProcess(Number(pid)))?.line !== owner;
}
