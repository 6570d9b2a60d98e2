import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * The text of a regular file of bounded size that somebody else writes. Throws what the system says, or that it is no
 * such file: a FIFO in its place is not waited for, and a huge one not taken into memory.
 */
export async function readSmallFile(path: string, largestBytes: number): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const about = await file.stat();
    if (!about.isFile()) throw new Error(`${path} is no file`);
    if (about.size > largestBytes) throw new Error(`${path} has more than ${largestBytes} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
