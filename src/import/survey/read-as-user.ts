import { readBounded } from './bounded-file.js';

/** Run in a process that has become the user. */
export default async function readAsUser(path: unknown): Promise<unknown> {
  if (typeof path !== 'string') throw new TypeError('a path is wanted');
  return await readBounded(path);
}
