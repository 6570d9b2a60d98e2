import { z } from 'zod';
import { ERRORS, type ErrorBody, type ErrorCode } from '../core/errors.js';
import type { JournalEntry, JournalHeader, JournalRecord } from '../transaction/ports.js';

const SCHEMA_VERSION = 1;

const version = z.object({ schemaVersion: z.number() });

const steps = z.array(z.looseObject({ kind: z.string() }));

const header = z.looseObject({
  change: z.string().min(1),
  kind: z.enum(['forwarding', 'setup', 'disconnect']),
  startedAt: z.string(),
  steps,
  finishFrom: z.number().exactOptional(),
  commit: z.number().exactOptional(),
  context: z.unknown(),
});

const problem = z.object({ rule: z.number().exactOptional(), field: z.string().exactOptional(), code: z.string(), message: z.string() });

const errorBody = z.object({
  // A code of an older or newer version is kept as it is: it is only shown.
  code: z.string().transform((code) => (Object.hasOwn(ERRORS, code) ? code : 'INTERNAL_FAULT') as ErrorCode),
  message: z.string(),
  hint: z.string(),
  problems: z.array(problem),
}) satisfies z.ZodType<ErrorBody>;

const entry = z.union([
  z.object({ step: z.number().int().min(0), phase: z.enum(['begun', 'done', 'undone']), result: z.unknown().exactOptional() }),
  z.object({ phase: z.enum(['undoing', 'finishing']), error: errorBody.nullable() }),
  z.object({ phase: z.literal('replanned'), from: z.number(), steps, commit: z.number() }),
]);

export type ParsedJournal =
  | { readonly kind: 'journal'; readonly record: JournalRecord; /** Bytes up to the last whole line. */ readonly wholeBytes: number }
  /** Killed while the first line was written: the change had not begun. */
  | { readonly kind: 'not-begun' }
  | { readonly kind: 'newer' }
  | { readonly kind: 'corrupt'; readonly problem: string };

export const headerLine = (value: JournalHeader): string => `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...value })}\n`;

export const entryLines = (entries: readonly JournalEntry[]): string => entries.map((value) => `${JSON.stringify(value)}\n`).join('');

/**
 * What a killed process left. A last line that was not finished was never acknowledged, and is ignored; a line that a
 * failing disk broke is passed over, since each stands for itself.
 */
export function parseJournal(bytes: Buffer): ParsedJournal {
  const wholeBytes = bytes.lastIndexOf(0x0a) + 1;
  if (wholeBytes === 0) return { kind: 'not-begun' };
  const [first = '', ...rest] = bytes.toString('utf8', 0, wholeBytes - 1).split('\n');
  const json = parseJson(first);
  const newer = version.safeParse(json);
  if (newer.success && newer.data.schemaVersion > SCHEMA_VERSION) return { kind: 'newer' };
  const parsedHeader = header.safeParse(json);
  if (!parsedHeader.success) return { kind: 'corrupt', problem: 'its first line does not say what the change is' };
  const entries = rest.flatMap((line) => {
    const parsed = entry.safeParse(parseJson(line));
    return parsed.success ? [parsed.data] : [];
  });
  const { schemaVersion: _version, ...record } = parsedHeader.data;
  return { kind: 'journal', record: { header: record, entries }, wholeBytes };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // Fits no schema.
  }
}
