import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { CALLS, type CallName } from '../../../src/api/calls.js';
import { REQUESTS } from '../../../src/api/requests.js';
import { COMMANDS } from '../../../src/cli/commands.js';
import { FAILURES } from '../../../src/connector/failures.js';
import { ERRORS, type ErrorCode } from '../../../src/core/errors.js';
import { RUN_OPTIONS } from '../../../src/daemon/options.js';

const README = new URL('../../../README.md', import.meta.url);

const row = (...cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n');

const ANSWERS = { json: 'one object', 'json-lines': 'lines, to an end', stream: 'lines, for as long as you read', text: 'text' } as const;

/** The fields of a request, those that may be left out in brackets; what stands in the path is no field. */
function fieldsOf(name: CallName, path: string): string {
  const schema: z.ZodType & { readonly shape?: Readonly<Record<string, z.ZodType>> } = REQUESTS[name];
  const fields = Object.entries(schema.shape ?? {}).filter(([field]) => !path.includes(`{${field}}`));
  return fields.map(([field, type]) => `\`${type._zod.optin === 'optional' ? `[${field}]` : field}\``).join(' ');
}

/** What stands between `<!-- name -->` and `<!-- /name -->` is made from the code. */
const SECTIONS: Readonly<Record<string, () => string>> = {
  commands: () => table(['command', 'does'], COMMANDS.map(({ name, args, summary }) => [`\`${[name, args].filter(Boolean).join(' ')}\``, summary])),
  options: () => table(['option', 'is'], Object.entries(RUN_OPTIONS).map(([name, { value, describe: text }]) => [`\`--${name} ${value}\``, text])),
  calls: () => table(['call', 'does', 'takes', 'answers'], Object.entries(CALLS).map(([name, { method, path, does, answers }]) => [`\`${method} ${path}\``, does, fieldsOf(name as CallName, path), ANSWERS[answers]])),
  failures: () => table(['code', 'meaning', 'recognised by', 'we', 'you'], Object.entries(FAILURES).map(([code, { recognisedBy, weDo }]) => [`\`${code}\``, ERRORS[code as ErrorCode].meaning, recognisedBy, weDo, ERRORS[code as ErrorCode].hint])),
  errors: () => table(['code', 'meaning', 'what to do', 'exit', 'HTTP'], Object.entries(ERRORS).map(([code, { meaning, hint, exit, http }]) => [`\`${code}\``, meaning, hint, String(exit), String(http)])),
};

describe('the README', () => {
  it.each(Object.keys(SECTIONS))('tells the truth about %s', async (name) => {
    const text = await readFile(README, 'utf8');
    const [before, after] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
    const begin = text.indexOf(before) + before.length;
    const end = text.indexOf(after);
    expect(begin).toBeGreaterThanOrEqual(before.length);
    expect(end).toBeGreaterThan(0);
    const expected = `${SECTIONS[name]?.() ?? ''}\n`;
    if (process.env['UPDATE_README'] !== undefined) await writeFile(README, text.slice(0, begin) + expected + text.slice(end));
    else expect(text.slice(begin, end), 'run the tests once with UPDATE_README=1').toBe(expected);
  });
});
