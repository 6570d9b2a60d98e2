import { SupervisorError, type ErrorCode } from '../core/errors.js';

const CODES: ReadonlyMap<string | undefined, ErrorCode> = new Map([
  ['ENOSPC', 'DISK_FULL'],
  ['EDQUOT', 'DISK_FULL'],
  ['EROFS', 'STORAGE_READONLY'],
  ['EACCES', 'STORAGE_FORBIDDEN'],
  ['EPERM', 'STORAGE_FORBIDDEN'],
  ['EMFILE', 'DESCRIPTORS_EXHAUSTED'],
  ['ENFILE', 'DESCRIPTORS_EXHAUSTED'],
]);

/** `ENOENT` and the like, of whatever was thrown. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export const isMissing = (error: unknown): boolean => errnoOf(error) === 'ENOENT';

/** A failure of the file system as one of ours; one that is already ours stays. `doing` completes "cannot …". */
export function toStorageError(error: unknown, path: string, doing = 'write'): SupervisorError {
  if (error instanceof SupervisorError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new SupervisorError(CODES.get(errnoOf(error)) ?? 'STORAGE_FAILED', `cannot ${doing} ${path}: ${reason}`, { cause: error });
}
