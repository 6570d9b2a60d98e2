import { closeSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { isHolderAlive, parseHolder, type LockHolder } from './lock-holder.js';
import { readRegularTextSync } from './regular-file.js';
import { errnoOf } from './storage-error.js';

/** A claim without a readable holder is being written now, unless it is older than this. */
const TORN_CLAIM_MS = 2_000;

/**
 * Runs `action` while no other process runs its own: for judging a record and replacing it where there is no flock.
 * The claim lives for microseconds. One left by a process that was killed in them is removed; only if two start in the
 * very moment of that removal could both go on, which is as far as it goes without locks of the kernel.
 * Returns false where somebody else is at it.
 */
export function withClaim(path: string, claimant: LockHolder, action: () => void): boolean {
  if (!claim(path, claimant) && !(removeStale(path) && claim(path, claimant))) return false;
  try {
    action();
  } finally {
    unlinkSync(path);
  }
  return true;
}

function claim(path: string, claimant: LockHolder): boolean {
  try {
    const descriptor = openSync(path, 'wx', 0o600);
    writeSync(descriptor, JSON.stringify(claimant));
    closeSync(descriptor);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function removeStale(path: string): boolean {
  try {
    const claimant = parseHolder(readRegularTextSync(path));
    const stale = claimant === undefined ? Date.now() - statSync(path).mtimeMs > TORN_CLAIM_MS : !isHolderAlive(claimant);
    if (stale) unlinkSync(path);
    return stale;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true; // Its owner is done with it.
    throw error;
  }
}
