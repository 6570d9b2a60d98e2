import { toIso } from '../../core/clock.js';
import type { StoredRecord } from '../world/dns-records.js';
import { isProxiable } from '../world/record-draft.js';

export const showRecord = (record: StoredRecord): Record<string, unknown> => ({
  id: record.id,
  zone_id: record.zone.id,
  zone_name: record.zone.name,
  name: record.name,
  type: record.type,
  content: record.content,
  ...(record.priority === undefined ? {} : { priority: record.priority }),
  proxiable: isProxiable(record.type),
  proxied: record.proxied,
  ttl: record.ttl,
  settings: {},
  meta: {},
  comment: record.comment,
  tags: record.tags,
  created_on: toIso(record.createdAt),
  modified_on: toIso(record.modifiedAt),
});
