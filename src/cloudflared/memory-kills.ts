import { readFile } from 'node:fs/promises';

/**
 * How many processes the kernel has killed for memory: in our cgroup, which our connectors share, else on this
 * machine. Undefined where neither says so.
 */
export async function readMemoryKills(root = ''): Promise<number | undefined> {
  for (const path of await counterFiles(root)) {
    const count = /^oom_kill (\d+)$/m.exec(await readOrEmpty(path))?.[1];
    if (count !== undefined) return Number(count);
  }
  return undefined;
}

async function counterFiles(root: string): Promise<readonly string[]> {
  const groups = (await readOrEmpty(`${root}/proc/self/cgroup`)).split('\n').map((line) => line.split(':'));
  const unified = groups.find(([id, controllers]) => id === '0' && controllers === '')?.[2];
  const memory = groups.find(([, controllers]) => controllers?.split(',').includes('memory'))?.[2];
  return [
    ...(unified === undefined ? [] : [`${root}/sys/fs/cgroup${unified}/memory.events`]),
    ...(memory === undefined ? [] : [`${root}/sys/fs/cgroup/memory${memory}/memory.oom_control`]),
    `${root}/proc/vmstat`,
  ];
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return ''; // Not there, or not for us: the next one may be.
  }
}
