import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** One thing that is wrong with a request, for people; `path` leads to the field. */
export interface FieldIssue {
  readonly path: readonly PropertyKey[];
  readonly code: 'FIELD_UNKNOWN' | 'FIELD_MISSING' | 'FIELD_INVALID';
  readonly message: string;
}

/** What the schema found, in plain words. */
export function describeIssue(issue: Issue): readonly FieldIssue[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path: [...issue.path, key], code: 'FIELD_UNKNOWN', message: `there is no field ${JSON.stringify(shorten(key))}` }));
  if (issue.input === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_union')) return [{ path: issue.path, code: 'FIELD_MISSING', message: 'must be given' }];
  if (issue.code === 'invalid_union') return describeUnion(issue);
  return [{ path: issue.path, code: 'FIELD_INVALID', message: toWords(issue) }];
}

/** Of several forms the one that was meant, where that can be seen: the kind of value is that form's, and more of it is wrong. */
function describeUnion({ path, errors }: z.core.$ZodIssueInvalidUnion): readonly FieldIssue[] {
  const meant = errors.find((issues) => issues.some((issue) => issue.path.length > 0 || issue.code !== 'invalid_type'));
  if (meant !== undefined) return meant.flatMap(describeIssue).map((one) => ({ ...one, path: [...path, ...one.path] }));
  const kinds = errors.flatMap((issues) => issues.flatMap((issue) => (issue.code === 'invalid_type' ? [nameKind(issue.expected)] : [])));
  return [{ path, code: 'FIELD_INVALID', message: `must be ${eitherOf(kinds)}` }];
}

const KINDS: Readonly<Record<string, string>> = { string: 'text', boolean: 'true or false', array: 'a list', int: 'a whole number', object: 'an object', number: 'a number' };
const FORMATS: Readonly<Record<string, string>> = { uuid: 'must be a UUID', url: 'must be an http:// or https:// URL' };

const nameKind = (expected: string): string => KINDS[expected] ?? `of another kind (${expected})`;

/** Schemas have words of their own where these would not do. */
function toWords(issue: Exclude<Issue, z.core.$ZodIssueInvalidUnion>): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${nameKind(issue.expected)}`;
    case 'invalid_value':
      return `must be ${eitherOf(issue.values.map(String))}`;
    case 'invalid_format':
      return FORMATS[issue.format] ?? issue.message;
    case 'too_small':
      return issue.origin !== 'number' && issue.origin !== 'int' && Number(issue.minimum) === 1 ? 'must not be empty' : limit('at least', issue.origin, issue.minimum);
    case 'too_big':
      return limit('at most', issue.origin, issue.maximum);
    default:
      return issue.message;
  }
}

const COUNTED: Readonly<Record<string, string>> = { string: 'characters', array: 'entries' };

function limit(bound: string, origin: string, value: number | bigint): string {
  const counted = COUNTED[origin];
  return counted === undefined ? `must be ${bound} ${value}` : `must have ${bound} ${value} ${counted}`;
}

function eitherOf(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}

export const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
