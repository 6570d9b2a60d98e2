import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.js';
import { FAILURES } from '../../../src/connector/failures.js';
import { ERRORS, type ErrorCode } from '../../../src/core/errors.js';
import { RUN_OPTIONS } from '../../../src/daemon/options.js';

const README = new URL('../../../README.md', import.meta.url);

const row = (...cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n');

/** What stands between `<!-- name -->` and `<!-- /name -->` is made from the code. */
const SECTIONS: Readonly<Record<string, () => string>> = {
  commands: () => table(['command', 'does'], COMMANDS.map(({ name, args, summary }) => [`\`${[name, args].filter(Boolean).join(' ')}\``, summary])),
  options: () => table(['option', 'is'], Object.entries(RUN_OPTIONS).map(([name, { value, describe: text }]) => [`\`--${name} ${value}\``, text])),
  failures: () => table(['code', 'meaning', 'recognised by', 'we', 'you'], Object.entries(FAILURES).map(([code, { recognisedBy, weDo }]) => [`\`${code}\``, ERRORS[code as ErrorCode].meaning, recognisedBy, weDo, ERRORS[code as ErrorCode].hint])),
  errors: () => table(['code', 'meaning', 'what to do', 'exit'], Object.entries(ERRORS).map(([code, { meaning, hint, exit }]) => [`\`${code}\``, meaning, hint, String(exit)])),
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
