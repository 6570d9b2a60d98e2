import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What cloudflared starts to open the login URL, on Linux and macOS. */
const OPENERS = ['xdg-open', 'open'];

/**
 * Search path for a login. The URL is handed out by us; a browser that cloudflared opens has it on its command line,
 * where every user of this machine can read it and fetch the certificate. `instead` is for where nothing is left.
 */
export function pathWithoutOpeners(path: string, instead: string): string {
  const directories = path.split(delimiter).filter((directory) => directory !== '' && !OPENERS.some((name) => existsSync(join(directory, name))));
  return directories.length === 0 ? instead : directories.join(delimiter);
}
