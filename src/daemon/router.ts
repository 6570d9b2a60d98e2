import { CALLS, type CallName } from '../api/calls.js';
import { SupervisorError } from '../core/errors.js';

export interface Matched {
  readonly name: CallName;
  /** What stood in the path, and in the query: fields of the request, as strings. */
  readonly fields: Readonly<Record<string, string>>;
}

interface Route {
  readonly name: CallName;
  readonly method: string;
  readonly segments: readonly string[];
}

const ROUTES: readonly Route[] = (Object.keys(CALLS) as CallName[]).map((name) => ({
  name,
  method: CALLS[name].method,
  segments: CALLS[name].path.split('/'),
}));

/** Which call a request is. @throws SupervisorError RESOURCE_UNKNOWN, METHOD_UNKNOWN, REQUEST_INVALID */
export function matchCall(method: string, target: string): Matched {
  const [path = '', query = ''] = splitOnce(target, '?');
  const segments = path.split('/').map(decodeSegment);
  const routes = ROUTES.filter((route) => sameShape(route.segments, segments));
  if (routes.length === 0) throw new SupervisorError('RESOURCE_UNKNOWN', `There is no ${shorten(path)}`);
  const route = routes.find((candidate) => candidate.method === method);
  if (route === undefined)
    throw new SupervisorError('METHOD_UNKNOWN', `${shorten(path)} takes ${routes.map((candidate) => candidate.method).join(', ')}, and not ${shorten(method)}`);
  return { name: route.name, fields: { ...readQuery(query), ...readSegments(route.segments, segments) } };
}

const isField = (segment: string): boolean => segment.startsWith('{');

const sameShape = (pattern: readonly string[], segments: readonly string[]): boolean =>
  pattern.length === segments.length &&
  pattern.every((expected, index) => (isField(expected) ? segments[index] !== '' : expected === segments[index]));

function readSegments(pattern: readonly string[], segments: readonly string[]): Record<string, string> {
  const fields = pattern.flatMap((expected, index) => (isField(expected) ? [[expected.slice(1, -1), segments[index] ?? ''] as const] : []));
  return Object.fromEntries(fields);
}

function readQuery(query: string): Record<string, string> {
  const fields: [string, string][] = [];
  for (const [name, value] of new URLSearchParams(query)) {
    if (fields.some(([known]) => known === name))
      throw new SupervisorError('REQUEST_INVALID', `The query gives ${shorten(name)} twice`, { problems: [{ field: name, code: 'FIELD_REPEATED', message: 'is given twice' }] });
    fields.push([name, value]);
  }
  return Object.fromEntries(fields);
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw new SupervisorError('REQUEST_INVALID', 'The path is not validly percent-encoded', { cause: error });
  }
}

const splitOnce = (text: string, separator: string): readonly string[] => {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
};

const shorten = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text);
