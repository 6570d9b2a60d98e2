import { readFileSync } from 'node:fs';

/** How many files and connections this process may have open; undefined where nobody says so (macOS), or there is no end to it. */
export function descriptorLimit(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)\s/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
