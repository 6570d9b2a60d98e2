import type { StoredRecord } from '../world/dns-records.js';

type TextTest = (text: string, wanted: string) => boolean;

/** `name` and `name.exact` are the same; likewise for content and comment. Letters of either case are equal. */
const TEXT_TESTS: Readonly<Record<string, TextTest>> = {
  '': (text, wanted) => text === wanted,
  '.exact': (text, wanted) => text === wanted,
  '.contains': (text, wanted) => text.includes(wanted),
  '.startswith': (text, wanted) => text.startsWith(wanted),
  '.endswith': (text, wanted) => text.endsWith(wanted),
};

const TEXT_FIELDS: Readonly<Record<string, (record: StoredRecord) => string>> = {
  name: (record) => record.name,
  content: (record) => record.content,
  comment: (record) => record.comment ?? '',
};

type RecordTest = (record: StoredRecord) => boolean;

/** The filters of the list call: `match=any` is satisfied by one, else all must hold. `type` and `proxied` always count. */
export function recordFilter(query: URLSearchParams): RecordTest {
  const texts = textTests(query);
  const type = query.get('type');
  const proxied = query.get('proxied');
  const holds = query.get('match') === 'any' && texts.length > 0
    ? (record: StoredRecord): boolean => texts.some((test) => test(record))
    : (record: StoredRecord): boolean => texts.every((test) => test(record));
  return (record) => (type === null || record.type === type.toUpperCase())
    && (proxied === null || record.proxied === (proxied === 'true'))
    && holds(record);
}

function textTests(query: URLSearchParams): readonly RecordTest[] {
  const tests: RecordTest[] = [];
  for (const [field, read] of Object.entries(TEXT_FIELDS)) {
    for (const [suffix, test] of Object.entries(TEXT_TESTS)) {
      const wanted = query.get(field + suffix)?.toLowerCase();
      if (wanted !== undefined) tests.push((record) => test(read(record).toLowerCase(), wanted));
    }
  }
  if (query.has('comment.present')) tests.push((record) => record.comment !== null);
  if (query.has('comment.absent')) tests.push((record) => record.comment === null);
  const search = query.get('search')?.toLowerCase();
  if (search !== undefined) tests.push((record) => Object.values(TEXT_FIELDS).some((read) => read(record).toLowerCase().includes(search)));
  return tests;
}
