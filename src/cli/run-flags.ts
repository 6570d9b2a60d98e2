import { RUN_OPTIONS, type RunOptionName } from '../daemon/options.js';
import type { GivenOptions } from './command.js';

export type RunFlags = Partial<Record<RunOptionName, string | readonly string[]>>;

/** The options of `run` as they were given. */
export function readRunFlags(options: GivenOptions): RunFlags {
  const flags: RunFlags = {};
  for (const name of Object.keys(RUN_OPTIONS) as RunOptionName[]) {
    const value = options.list(name) ?? options.text(name);
    if (value !== undefined) flags[name] = value;
  }
  return flags;
}

/** The same, to be given to another process of ours. */
export function toArguments(flags: RunFlags): string[] {
  return Object.entries(flags).flatMap(([name, value]) => (typeof value === 'string' ? [value] : value).flatMap((text) => [`--${name}`, text]));
}
