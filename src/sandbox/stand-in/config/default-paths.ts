import { accessSync, constants, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';

/** Where cloudflared looks for what it was not told, in this order. */
export const SEARCH_DIRECTORIES = ['~/.cloudflared', '~/.cloudflare-warp', '~/cloudflare-warp', '/etc/cloudflared', '/usr/local/etc/cloudflared'] as const;
const CONFIG_NAMES = ['config.yml', 'config.yaml'] as const;

/** `HOME`, else the passwd entry; undefined where there is neither. */
export function homeDirectory(): string | undefined {
  const fromEnvironment = env['HOME'];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment;
  try {
    return userInfo().homedir;
  } catch {
    // A uid without a passwd entry has no home; the callers say what that means to them.
    return undefined;
  }
}

/** Puts the home in place of a leading `~`; undefined where that cannot be done. */
export function expandHome(path: string): string | undefined {
  if (!path.startsWith('~')) return path;
  if (path.length > 1 && path[1] !== '/') return undefined;
  const home = homeDirectory();
  return home === undefined ? undefined : join(home, path.slice(1));
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    // Missing and forbidden are one to the search: it goes on.
    return false;
  }
}

/** There, and no directory; readable or not. */
export function isFile(path: string): boolean {
  try {
    return !statSync(path).isDirectory();
  } catch {
    // As above.
    return false;
  }
}

const candidates = (names: readonly string[]): readonly string[] =>
  SEARCH_DIRECTORIES.flatMap((directory) => names.map((name) => expandHome(join(directory, name)))).filter((path) => path !== undefined);

/** Empty where no configuration file is found. */
export const defaultConfigPath = (): string => candidates(CONFIG_NAMES).find(isReadable) ?? '';

/** Empty where no origin cert is found. */
export const defaultOriginCertPath = (): string => candidates(['cert.pem']).find(isFile) ?? '';

/** As Go prints a list, in the messages that name these. */
export const searchedFor = (): string => `No file [${CONFIG_NAMES.join(' ')}] in [${SEARCH_DIRECTORIES.join(' ')}]`;
export const searchedDirectories = (): string => `[${SEARCH_DIRECTORIES.join(' ')}]`;
