import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';

/** Ten thousand rules have three. */
export const LARGEST_BYTES = 4 * 1024 * 1024;

export type BoundedReading =
  | { readonly kind: 'read'; readonly text: string; readonly ownerUid: number | undefined }
  | { readonly kind: 'absent' }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'unusable'; readonly problem: string };

/** A regular file of bounded size, whoever wrote it: a FIFO is not waited for, and nothing endless is taken into memory. */
export async function readBounded(path: string): Promise<BoundedReading> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size, mode, uid } = await file.stat();
      if ((mode & constants.S_IFMT) !== constants.S_IFREG) return { kind: 'unusable', problem: 'it is not a file' };
      if (size > LARGEST_BYTES) return { kind: 'unusable', problem: `it is larger than ${LARGEST_BYTES} bytes` };
      return { kind: 'read', text: await file.readFile('utf8'), ownerUid: uid };
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'absent' };
    if (code === 'EACCES' || code === 'EPERM') return { kind: 'forbidden' };
    return { kind: 'unusable', problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether this process may not read and write what is there: a file, or a socket that it would connect to. */
export async function isForbidden(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK | constants.W_OK);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
  }
}
