import { errorEvent, type PortacodeEvent } from '../events.js';
import { invalidField } from '../failures.js';
import { isObject, type JsonObject } from '../json.js';
import { LONGEST_LINE_BYTES, type InputLine } from './read-lines.js';

export type ParsedLine = { readonly kind: 'blank' } | { readonly kind: 'command'; readonly message: JsonObject } | { readonly kind: 'wrong'; readonly event: PortacodeEvent };

/** A line as a command; what is none is answered and not sent. */
export function parseCommand({ text }: InputLine): ParsedLine {
  const wrong = (field: string, message: string): ParsedLine => ({ kind: 'wrong', event: errorEvent(invalidField(field, message)) });
  if (text === undefined) return wrong('line', `the line is longer than ${LONGEST_LINE_BYTES} bytes`);
  if (text.trim() === '') return { kind: 'blank' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return wrong('line', 'the line is not JSON');
  }
  if (!isObject(value)) return wrong('line', 'the line is not a JSON object');
  if (typeof value['cmd'] === 'string' && value['cmd'] !== '') return { kind: 'command', message: value };
  return { kind: 'wrong', event: labelled(errorEvent(invalidField('cmd', 'cmd is required')), value) };
}

/** An answer to a message goes under the name of its request. */
export const labelled = (event: PortacodeEvent, message: JsonObject): PortacodeEvent => (message['request_id'] === undefined ? event : { ...event, request_id: message['request_id'] });
