import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execPath } from 'node:process';

import { builtFile } from '../../host/package-files.js';

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/**
 * Writes an executable `cloudflared` into the directory, and returns its path. It runs the stand-in with this Node, by
 * absolute paths, so it needs nothing of its environment; the process's arguments end with those that it was given.
 * `faults.json` beside it scripts trouble (faults.ts), also beside a copy of it elsewhere.
 */
export async function writeStandIn(directory: string): Promise<string> {
  const path = join(directory, 'cloudflared');
  await mkdir(directory, { recursive: true });
  await writeFile(path, `#!/bin/sh\nexec ${quote(execPath)} ${quote(builtFile('sandbox/stand-in/main'))} "--stand-in=$0" "$@"\n`, { mode: 0o755 });
  // The mode above is subject to the umask, and an existing file keeps its own.
  await chmod(path, 0o755);
  return path;
}
