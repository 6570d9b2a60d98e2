import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '../../host/storage-error.js';
import { fail, failWith, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const NAME = 'disk';
/** Another cloudflared, and logs until they are rotated. */
const NEEDED_BYTES = 100 * 1024 * 1024;
const NEEDED_INODES = 200;

export interface DiskFacts {
  readonly freeBytes: number;
  readonly freeInodes: number;
  /** 0 on file systems that do not count them (btrfs). */
  readonly inodes: number;
}

/** Where the base directory is, or will be. */
export async function checkDisk({ places }: Pick<DoctorScope, 'places'>): Promise<Check> {
  for (let directory = places.baseDir; ; directory = dirname(directory)) {
    try {
      const { bavail, bsize, ffree, files } = await statfs(directory);
      return judgeDisk(directory, { freeBytes: bavail * bsize, freeInodes: ffree, inodes: files });
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || directory === dirname(directory)) return failWith(NAME, error);
    }
  }
}

/** Pure. */
export function judgeDisk(directory: string, { freeBytes, freeInodes, inodes }: DiskFacts): Check {
  const megabytes = Math.floor(freeBytes / 1024 / 1024);
  if (freeBytes < NEEDED_BYTES) return fail(NAME, 'DISK_SHORT', `${megabytes} MB are free where ${directory} is; ${NEEDED_BYTES / 1024 / 1024} MB are needed.`);
  if (inodes > 0 && freeInodes < NEEDED_INODES) return fail(NAME, 'DISK_SHORT', `${freeInodes} inodes are free where ${directory} is; ${NEEDED_INODES} are needed.`, 'Remove small files that nobody needs.');
  return pass(NAME, `${megabytes} MB free where ${directory} is`);
}
