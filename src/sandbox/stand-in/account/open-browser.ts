import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { env, platform } from 'node:process';

const OPENER = platform === 'darwin' ? 'open' : 'xdg-open';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not to be run: the next directory's turn.
    return false;
  }
}

/** True where an opener could be started; whether it opens anything is not asked. */
export function openBrowser(url: string): boolean {
  const program = (env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '').map((directory) => join(directory, OPENER)).find(isExecutable);
  if (program === undefined) return false;
  const child = spawn(program, [url], { stdio: 'ignore', detached: false });
  child.on('error', () => undefined);
  child.unref();
  return true;
}
