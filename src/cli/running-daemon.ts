import { readFileSync } from 'node:fs';
import { RUN_OPTIONS, readRunOptions, type RunOptionName, type RunOptions } from '../daemon/options.js';
import type { RunFlags } from './run-flags.js';

/** How a daemon that serves was started, as the kernel tells its user and root. */
export interface RunningDaemon {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** In the environment of a daemon that `up` started: nobody starts it again when it hands over. */
export const IN_BACKGROUND = 'CLOUDFLARED_SUPERVISOR_IN_BACKGROUND';

/** Where everything is and whom for: not how the daemon works. */
const PLACES: ReadonlySet<string> = new Set(['user', 'baseDir', 'stateDir', 'socket']);

/** Undefined where it cannot be told: another user's, in another namespace, or no Linux. */
export function readRunningDaemon(pid: number): RunningDaemon | undefined {
  try {
    const read = (file: string): readonly string[] => readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
    const pairs = read('environ').filter((pair) => pair.includes('='));
    return { words: read('cmdline'), environment: Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])) };
  } catch {
    return undefined; // Ended, or not to be looked at: then it is not known.
  }
}

/** Started by something that starts it again when it hands over, as far as is known: a container's entry point, a unit of somebody's. */
export const isKept = (daemon: RunningDaemon | undefined): boolean => process.platform === 'linux' && daemon?.environment[IN_BACKGROUND] === undefined;

/** The options that are given now and that this daemon goes without, or has otherwise; undefined where it cannot be told. */
export function differingOptions(daemon: RunningDaemon | undefined, given: RunOptions): readonly string[] | undefined {
  const has = daemon === undefined ? undefined : optionsOf(daemon);
  if (has === undefined) return undefined;
  const text = (options: RunOptions, key: string): string => JSON.stringify((options as Readonly<Record<string, unknown>>)[key] ?? null);
  const differing = Object.keys(given).filter((key) => !PLACES.has(key) && !['null', '[]', text(has, key)].includes(text(given, key)));
  return differing.map((key) => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
}

function optionsOf({ words, environment }: RunningDaemon): RunOptions | undefined {
  const flags: RunFlags = {};
  for (const [index, word] of words.entries()) {
    const [, name = '', value = words[index + 1] ?? ''] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (!Object.hasOwn(RUN_OPTIONS, name)) continue;
    const option = name as RunOptionName;
    flags[option] = RUN_OPTIONS[option].repeatable ? [flags[option] ?? [], value].flat() : value;
  }
  try {
    return readRunOptions(flags, environment);
  } catch {
    return undefined; // Of another version of this program, which reads them otherwise.
  }
}
