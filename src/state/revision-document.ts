import { z } from 'zod';
import type { Emit } from '../core/events.js';
import type { Revision } from '../core/revision.js';
import { createDocument, type Document } from './document.js';

/** `N.json`: a revision, and what its `N.yml` holds, so that either damaged file can be made again. */
export interface RevisionRecord {
  readonly revision: Revision;
  readonly config: string;
}

const rule = z.looseObject({
  hostname: z.string(),
  path: z.string().exactOptional(),
  destination: z.string(),
  originRequest: z.record(z.string(), z.unknown()).exactOptional(),
});

const schema = z.looseObject({
  revision: z.looseObject({
    revision: z.number().int().positive(),
    createdAt: z.string(),
    reason: z.string(),
    tunnelId: z.string(),
    domain: z.string(),
    rules: z.array(z.looseObject({ rule, status: z.enum(['live', 'unresolved', 'outside-zone']), resolvedIp: z.string().exactOptional() })),
    setAside: z.array(rule),
    addresses: z.array(z.looseObject({ deviceId: z.string(), address: z.string(), mac: z.string().optional(), at: z.string() }).transform((value) => ({ ...value, mac: value.mac }))),
    configHash: z.string(),
  }),
  config: z.string(),
});

export function createRevisionDocument(path: string, emit: Emit): Document<RevisionRecord> {
  return createDocument<RevisionRecord>({ path, schema, version: 1, emit });
}

/** `current.json`. */
export interface CurrentRevision {
  /** The committed one; null before the first. */
  readonly revision: number | null;
  /** The highest number that was ever given away, also to a revision that was taken back. */
  readonly lastNumber: number;
}

const currentSchema = z.looseObject({ revision: z.number().int().positive().nullable(), lastNumber: z.number().int().min(0) });

export function createCurrentDocument(path: string, emit: Emit): Document<CurrentRevision> {
  return createDocument<CurrentRevision>({ path, schema: currentSchema, version: 1, emit });
}
