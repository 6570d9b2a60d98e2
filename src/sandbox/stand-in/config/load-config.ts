import { readFileSync } from 'node:fs';

import type { Context } from '../command-line/context.js';
import { Failure } from '../failure.js';
import type { Logger } from '../log/logger.js';
import { NO_CONFIG, type Config } from './config.js';

const REASONS: Readonly<Record<string, string>> = { ENOENT: 'no such file or directory', EACCES: 'permission denied', EISDIR: 'is a directory', ENOTDIR: 'not a directory' };

/** As Go words a failed system call on a path. */
export function goPathError(call: string, path: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return `${call} ${path}: ${REASONS[code] ?? code.toLowerCase()}`;
}

/** Reads the file of `--config`, or the one that was found, once; its other keys become values of flags. */
export async function loadConfig(context: Context, log: Logger): Promise<Config> {
  const path = context.text('config');
  if (path === '') return NO_CONFIG;
  log.debug(`Loading configuration from ${path}`);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure(goPathError('open', path, error));
  }
  const { parseConfig } = await import('./parse-config.js');
  const config = parseConfig(text, path);
  if (config === undefined) log.error(`Configuration file ${path} was empty`);
  context.applyConfig((config ?? NO_CONFIG).settings);
  return config ?? NO_CONFIG;
}
