import type { z } from 'zod';
import { REQUESTS, type ParsedRequest } from '../api/requests.js';
import { CALLS, type CallName } from '../api/calls.js';
import { SupervisorError, type Problem } from '../core/errors.js';
import { describeIssue, shorten, type FieldIssue } from './describe-issue.js';
import { isObject } from '../core/json.js';

/** Puts what path and query gave beside the body, and parses the whole. @throws SupervisorError REQUEST_INVALID */
export function parseRequest<C extends CallName>(name: C, fields: Readonly<Record<string, string>>, body: unknown): ParsedRequest<C> {
  if (body !== undefined && !isObject(body)) throw invalid([{ code: 'FIELD_INVALID', message: 'the body must be a JSON object' }]);
  const { method } = CALLS[name];
  const twice = Object.keys(fields).filter((field) => body !== undefined && Object.hasOwn(body, field));
  if (twice.length > 0) throw invalid(twice.map((field) => ({ field, code: 'FIELD_REPEATED', message: `${field} stands in the address and in the body` })));
  const inPath = CALLS[name].path.split('{').length - 1;
  if ((method === 'PUT' || method === 'POST') && Object.keys(fields).length > inPath)
    throw invalid([{ code: 'FIELD_UNKNOWN', message: `${method} takes its fields in the body, not in the query` }]);
  const parsed = (REQUESTS[name] as z.ZodType).safeParse({ ...body, ...fields }, { reportInput: true });
  if (parsed.success) return parsed.data as ParsedRequest<C>;
  throw invalid(parsed.error.issues.flatMap(describeIssue).slice(0, REPORTED_PROBLEMS).map(place));
}

/** A request of ten thousand wrong rules is answered with enough of them. */
const REPORTED_PROBLEMS = 100;

function invalid(problems: readonly Problem[]): SupervisorError {
  const words = problems.slice(0, 3).map((problem) => problem.message);
  const more = problems.length > words.length ? `; and ${problems.length - words.length} more` : '';
  return new SupervisorError('REQUEST_INVALID', `The request is not what this call takes: ${words.join('; ')}${more}`, { problems });
}

/** `rules.3.hostname` is the field `hostname` of rule 3. */
function place({ path, code, message }: FieldIssue): Problem {
  const [first, second, ...inner] = path;
  const ofRule = first === 'rules' && typeof second === 'number';
  const field = (ofRule ? inner : path).map((part) => shorten(String(part))).join('.');
  const where = ofRule ? `rule ${second}${field === '' ? '' : `, ${field}`}` : field;
  return { ...(ofRule ? { rule: second } : {}), ...(field === '' ? {} : { field }), code, message: where === '' ? message : `${where}: ${message}` };
}
