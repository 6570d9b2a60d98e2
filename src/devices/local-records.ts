import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isMissing, toStorageError } from '../host/atomic-file.js';
import { readSmallFile } from './small-file.js';

/** Which containers Portacode itself says a device has. More than one: its records contradict each other. */
export type LocalRecords = ReadonlyMap<string, readonly number[]>;

/** `device_id` as Portacode writes it: a string, or a number. */
export const deviceIdSchema = z.union([z.string(), z.number().int().nonnegative()]).transform((id) => String(id).trim()).pipe(z.string().regex(/^\d{1,20}$/));

/** A container's number, as a number or as text. */
export const vmidSchema = z.union([z.number(), z.string().regex(/^\d{1,9}$/).transform(Number)]).pipe(z.number().int().min(1).max(999_999_999));

const schema = z.looseObject({ device_id: deviceIdSchema, vmid: vmidSchema });

const FILE_NAME = /^ct-\d{1,9}\.json$/;
const LARGEST_BYTES = 256 * 1024;

/**
 * Reads `containers/ct-<vmid>.json`. A record that is half-written, or that says nothing of a device, is passed over:
 * Proxmox knows too.
 * @throws SupervisorError STORAGE_* where the directory is there and cannot be read
 */
export async function readLocalRecords(directory: string): Promise<LocalRecords> {
  const records = new Map<string, number[]>();
  for (const name of await listNames(directory)) {
    const record = await readRecord(join(directory, name));
    if (record === undefined) continue;
    const vmids = records.get(record.device_id) ?? [];
    if (!vmids.includes(record.vmid)) records.set(record.device_id, [...vmids, record.vmid]);
  }
  return records;
}

async function listNames(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => FILE_NAME.test(name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw toStorageError(error, directory, 'read');
  }
}

async function readRecord(path: string): Promise<z.output<typeof schema> | undefined> {
  try {
    return schema.safeParse(JSON.parse(await readSmallFile(path, LARGEST_BYTES))).data;
  } catch {
    return undefined; // Gone meanwhile, not ours to read, or no JSON: no record, as said above.
  }
}
