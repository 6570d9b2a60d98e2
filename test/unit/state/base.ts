import { mkdirSync } from 'node:fs';
import { baseDirectories, basePaths, type BasePaths } from '../../../src/host/base-paths.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

/** A base directory as `run` makes it. */
export function makeBase(): BasePaths {
  const paths = basePaths(tempDirectory());
  for (const directory of baseDirectories(paths)) mkdirSync(directory, { recursive: true });
  return paths;
}

/** Time that stands still: names of what is set aside are known. */
export const STILL_CLOCK = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6), monotonic: () => 0, sleep: async () => Promise.resolve() };
