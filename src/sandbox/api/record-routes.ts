import { z } from 'zod';

import type { StoredRecord } from '../world/dns-records.js';
import { paginate } from './envelope.js';
import { recordFilter } from './record-filter.js';
import { showRecord } from './record-view.js';
import { needZone, type ApiCall, type ApiRoute } from './route.js';

const RECORDS = 'zones/:zone/dns_records';
const RECORD_PAGES = { perPage: 100, perPageMax: 5_000_000 };

const RECORD = z.object({
  type: z.string(),
  name: z.string(),
  content: z.string(),
  proxied: z.boolean().optional(),
  ttl: z.number().optional(),
  comment: z.string().nullable().optional(),
  priority: z.number().optional(),
  tags: z.array(z.string()).optional(),
});
const CHANGED_RECORD = RECORD.partial();
const WITH_ID = z.object({ id: z.string() });
/** Lists may be missing or null, as generated clients send them. */
const listOf = <T>(schema: z.ZodType<T>): z.ZodType<T[]> => z.array(schema).nullish().transform((list) => list ?? []);
const BATCH = z.object({
  deletes: listOf(WITH_ID),
  patches: listOf(CHANGED_RECORD.extend(WITH_ID.shape)),
  puts: listOf(RECORD.extend(WITH_ID.shape)),
  posts: listOf(RECORD),
});

export const RECORD_ROUTES: readonly ApiRoute[] = [
  {
    method: 'GET', path: RECORDS, right: 'dnsRead',
    answer: (call) => {
      const { items, info } = paginate(candidates(call).filter(recordFilter(call.query)), call.query, RECORD_PAGES);
      return { result: items.map(showRecord), resultInfo: info };
    },
  },
  {
    method: 'POST', path: RECORDS, right: 'dnsEdit',
    answer: (call) => ({ result: showRecord(call.world.records.create(needZone(call), call.body(RECORD))) }),
  },
  {
    method: 'GET', path: `${RECORDS}/:record`, right: 'dnsRead',
    answer: (call) => ({ result: showRecord(call.world.records.need(needZone(call), call.param('record'))) }),
  },
  {
    method: 'PUT', path: `${RECORDS}/:record`, right: 'dnsEdit',
    answer: (call) => ({ result: showRecord(call.world.records.replace(needZone(call), call.param('record'), call.body(RECORD))) }),
  },
  {
    method: 'PATCH', path: `${RECORDS}/:record`, right: 'dnsEdit',
    answer: (call) => ({ result: showRecord(call.world.records.patch(needZone(call), call.param('record'), call.body(CHANGED_RECORD))) }),
  },
  {
    method: 'DELETE', path: `${RECORDS}/:record`, right: 'dnsEdit',
    answer: (call) => ({ result: { id: call.world.records.delete(needZone(call), call.param('record')).id } }),
  },
  {
    // All or nothing; the four lists are carried out in this order.
    method: 'POST', path: `${RECORDS}/batch`, right: 'dnsEdit',
    answer: (call) => {
      const zone = needZone(call);
      const { records } = call.world;
      const batch = call.body(BATCH);
      return {
        result: records.atomically(() => ({
          deletes: batch.deletes.map(({ id }) => showRecord(records.delete(zone, id))),
          patches: batch.patches.map(({ id, ...changes }) => showRecord(records.patch(zone, id, changes))),
          puts: batch.puts.map(({ id, ...draft }) => showRecord(records.replace(zone, id, draft))),
          posts: batch.posts.map((draft) => showRecord(records.create(zone, draft))),
        })),
      };
    },
  },
];

/** The zone's records; only those of the name where the filter asks for one: a zone may have many thousands. */
function candidates(call: ApiCall): readonly StoredRecord[] {
  const zone = needZone(call);
  const { records } = call.world;
  const name = call.query.get('name.exact') ?? call.query.get('name');
  if (name === null || call.query.get('match') === 'any') return records.list(zone.id);
  return records.named(name.toLowerCase()).filter((record) => record.zone.id === zone.id);
}
