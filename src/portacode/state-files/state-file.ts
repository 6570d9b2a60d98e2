import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isMissing, toStorageError } from '../../host/atomic-file.js';
import { isNoFile } from '../../host/regular-file.js';
import { isObject, type JsonObject } from '../json.js';
import { parseExactJson } from './exact-json.js';

export type StateFileReading =
  | { readonly kind: 'absent' }
  | { readonly kind: 'read'; readonly value: JsonObject; readonly text: string }
  | { readonly kind: 'corrupt'; readonly problem: string };

/** Ten thousand rules have four. */
const LARGEST_BYTES = 32 * 1024 * 1024;

/** One of the two files. Never a device or a pipe, which would never end. @throws SupervisorError STORAGE_* */
export async function readStateFile(path: string): Promise<StateFileReading> {
  let bytes: Buffer;
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return { kind: 'corrupt', problem: 'it is not a file' };
      if (stat.size > LARGEST_BYTES) return { kind: 'corrupt', problem: `it is larger than ${LARGEST_BYTES} bytes` };
      bytes = await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return { kind: 'absent' };
    if (isNoFile(error)) return { kind: 'corrupt', problem: 'it is not a file' };
    throw toStorageError(error, path, 'read');
  }
  return parseStateFile(bytes);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function parseStateFile(bytes: Uint8Array): StateFileReading {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = parseExactJson(text);
    return isObject(value) ? { kind: 'read', value, text } : { kind: 'corrupt', problem: 'it holds no JSON object' };
  } catch (error) {
    return { kind: 'corrupt', problem: error instanceof TypeError ? 'it is not UTF-8' : 'it is not JSON' };
  }
}
