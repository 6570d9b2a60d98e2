import { SupervisorError } from '../core/errors.js';

/** `HOST[/PATH]` as typed. */
export function readHostAndPath(text: string): { hostname: string; path?: string } {
  const [, bare] = /^[a-z][a-z0-9+.-]*:\/\/(.*)$/i.exec(text) ?? [];
  if (bare !== undefined) throw new SupervisorError('OPTION_INVALID', `${JSON.stringify(text)} is a URL; a rule has a name, and perhaps a path`, { hint: `Write ${bare === '' ? 'the name alone' : bare}.` });
  const slash = text.indexOf('/');
  if (slash < 0) return { hostname: text };
  const path = text.slice(slash);
  return path === '/' ? { hostname: text.slice(0, slash) } : { hostname: text.slice(0, slash), path };
}

/** A bare port means this machine: `3000` is `http://localhost:3000`. Anything else is left as it is. */
export const readDestination = (text: string): string => (/^\d{1,5}$/.test(text) ? `http://localhost:${text}` : text);

/** `key=value` pairs; a value that reads as JSON (true, 3, {"a":1}) is that, else it is text. */
export function readOriginOptions(pairs: readonly string[]): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const pair of pairs) {
    const [, key, value] = /^(\w+)=(.*)$/s.exec(pair) ?? [];
    if (key === undefined || value === undefined) {
      throw new SupervisorError('OPTION_INVALID', `--origin must be key=value, and not ${JSON.stringify(pair)}`);
    }
    options[key] = parseValue(value);
  }
  return options;
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // plain text needs no quotes on a command line
  }
}
