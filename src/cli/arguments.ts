import { SupervisorError } from '../core/errors.js';
import type { CommandContext } from './command.js';

/** A whole number of at least `minimum`, from text; undefined stays undefined. */
export function readCount(text: string | undefined, name: string, minimum = 0): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= minimum)) throw new SupervisorError('OPTION_INVALID', `${name} must be a whole number of at least ${String(minimum)}, and not ${JSON.stringify(text)}`);
  return value;
}

/** Why a file cannot be read, without its name: "no such file or directory (ENOENT)". */
export function readFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, code, words] = /^([A-Z]+): ([^,]+)(?:,|$)/.exec(message) ?? [];
  return code === undefined || words === undefined ? message : `${words} (${code})`;
}

/** An argument that the parser has made sure of. */
export function argument(context: CommandContext, index: number): string {
  const value = context.args[index];
  if (value === undefined) throw new SupervisorError('OPTION_INVALID', 'An argument is missing');
  return value;
}

/** What `--takeover`, `--dry-run` and `--if-revision` ask for. */
export function readChangeOptions(context: CommandContext): { request: { takeover?: true; dryRun?: true }; options: { ifMatch?: number } } {
  const ifMatch = readCount(context.options.text('if-revision'), '--if-revision');
  return {
    request: {
      ...(context.options.flag('takeover') ? { takeover: true as const } : {}),
      ...(context.options.flag('dry-run') ? { dryRun: true as const } : {}),
    },
    options: ifMatch === undefined ? {} : { ifMatch },
  };
}
