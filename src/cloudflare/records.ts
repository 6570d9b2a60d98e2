import type { DnsRecord } from '../core/dns.js';
import { CloudflareError, isGone } from './cloudflare-error.js';
import { collectPages, readAllPages, readPage, type Page } from './pages.js';
import type { recordSchema } from './schemas.js';
import type { ApiRequest, Sender } from './send.js';
import type { z } from 'zod';

export interface RecordDraft {
  readonly name: string;
  readonly type: string;
  readonly content: string;
  readonly proxied: boolean;
  readonly ttl: number;
  readonly comment: string;
}

/** What makes the same record again. */
export const draftOf = ({ name, type, content, proxied, ttl, comment }: DnsRecord): RecordDraft => ({ name, type, content, proxied, ttl, comment });

export interface RecordsApi {
  /** All records at exactly this name, of every type: one request. */
  listAt(zoneId: string, name: string, signal: AbortSignal): Promise<readonly DnsRecord[]>;
  /** One page of the whole zone, as large as Cloudflare gives them. */
  listPage(zoneId: string, page: number, signal: AbortSignal): Promise<Page<DnsRecord>>;
  /** The whole zone, page by page. */
  listAll(zoneId: string, signal: AbortSignal): Promise<readonly DnsRecord[]>;
  /** May find the record that it made in a try whose answer was lost: see `isExistingRecord`. */
  create(zoneId: string, draft: RecordDraft, signal: AbortSignal): Promise<DnsRecord>;
  /** Changes only the fields given (PATCH). */
  update(zoneId: string, recordId: string, changes: Partial<RecordDraft>, signal: AbortSignal): Promise<DnsRecord>;
  /** Gone already is fine. */
  delete(zoneId: string, recordId: string, signal: AbortSignal): Promise<void>;
}

/** Cloudflare gives far more than the default of 100 a page; fewer pages are fewer requests of the budget. */
export const RECORDS_PER_PAGE = 5_000;
/** Where that many are refused. */
const SAFE_PER_PAGE = 100;

export function createRecordsApi(sender: Sender): RecordsApi {
  const pathOf = (zoneId: string): string => `/zones/${encodeURIComponent(zoneId)}/dns_records`;
  const recordPath = (zoneId: string, recordId: string): string => `${pathOf(zoneId)}/${encodeURIComponent(recordId)}`;

  const sendForRecord = async (request: ApiRequest, zoneId: string, signal: AbortSignal): Promise<DnsRecord> => {
    const [envelope, { recordSchema }] = await Promise.all([sender.send(request, signal), import('./schemas.js')]);
    return ofZone(zoneId)(await sender.read(recordSchema, envelope.result, request.doing));
  };
  let perPage = RECORDS_PER_PAGE;
  const listPage = async (zoneId: string, page: number, signal: AbortSignal): Promise<Page<DnsRecord>> => {
    const { recordSchema } = await import('./schemas.js');
    const ask = () => readPage(sender, { path: pathOf(zoneId), query: {}, perPage, schema: recordSchema, doing: 'Listing the DNS records' }, page, signal);
    const { items, totalPages } = await ask().catch((thrown: unknown) => {
      if (!(thrown instanceof CloudflareError) || thrown.status !== 400 || page > 1 || perPage === SAFE_PER_PAGE) throw thrown;
      perPage = SAFE_PER_PAGE;
      return ask();
    });
    return { items: items.map(ofZone(zoneId)), totalPages };
  };

  return {
    async listAt(zoneId, name, signal) {
      const { recordSchema } = await import('./schemas.js');
      const request = { path: pathOf(zoneId), query: { name }, perPage: 100, schema: recordSchema, doing: `Reading the DNS records of ${name}` };
      const records = await readAllPages(sender, request, signal);
      return records.filter((record) => record.name === name).map(ofZone(zoneId));
    },
    listPage,
    listAll: (zoneId, signal) => collectPages((page) => listPage(zoneId, page, signal)),
    create(zoneId, draft, signal) {
      return sendForRecord({ method: 'POST', path: pathOf(zoneId), body: { ...draft }, doing: `Creating the DNS record of ${draft.name}` }, zoneId, signal);
    },
    update(zoneId, recordId, changes, signal) {
      const doing = `Changing the DNS record${changes.name === undefined ? '' : ` of ${changes.name}`}`;
      return sendForRecord({ method: 'PATCH', path: recordPath(zoneId, recordId), body: { ...changes }, doing }, zoneId, signal);
    },
    async delete(zoneId, recordId, signal) {
      try {
        await sender.send({ method: 'DELETE', path: recordPath(zoneId, recordId), doing: 'Deleting a DNS record' }, signal);
      } catch (thrown) {
        if (!isGone(thrown)) throw thrown;
      }
    },
  };
}

const ofZone =
  (zoneId: string) =>
  (record: z.infer<typeof recordSchema>): DnsRecord => ({ ...record, zoneId });
