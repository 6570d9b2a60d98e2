import { env } from 'node:process';

import { Failure } from '../failure.js';
import { formatDuration, parseDurationMs } from '../go-duration.js';
import { goQuote } from '../go-quote.js';
import { parseSwitch, type FlagSet } from './flag-set.js';
import { flagNames, type FlagSpec } from './flag-spec.js';

/** How Go names the type of a value that YAML gave. */
function goType(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'object' ? 'map[string]interface {}' : 'string';
}

const unexpected = (expected: string, value: unknown, name: string): Failure =>
  new Failure(`expected ${expected} found ${goType(value)} for ${name}`);

function durationText(name: string, value: unknown): string | undefined {
  if (typeof value !== 'string') throw unexpected('duration', value, name);
  const ms = parseDurationMs(value);
  if (ms === undefined) throw new Failure(`time: invalid duration ${goQuote(value)}`);
  return ms > 0 ? formatDuration(ms) : undefined;
}

function listTexts(name: string, value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw unexpected('string slice', value, name);
  return value.map((text: unknown, index) => {
    if (typeof text !== 'string') throw new Failure(`expected string, found int for ${index}`);
    return text;
  });
}

/** What a key of the configuration file gives a flag; undefined where it is as good as absent. */
function configTexts({ kind, name }: FlagSpec, value: unknown): readonly string[] | undefined {
  if (kind === 'list') return listTexts(name, value);
  let text: string | undefined;
  if (kind === 'text') {
    if (typeof value !== 'string') throw unexpected('string', value, name);
    text = value === '' ? undefined : value;
  } else if (kind === 'switch') {
    if (typeof value !== 'boolean') throw unexpected('boolean', value, name);
    text = value ? 'true' : undefined;
  } else if (kind === 'integer') {
    if (typeof value !== 'number' || !Number.isInteger(value)) throw unexpected('int', value, name);
    text = value > 0 ? String(value) : undefined;
  } else {
    text = durationText(name, value);
  }
  return text === undefined ? undefined : [text];
}

/**
 * One command of the line with its flags; the commands before it are its parents. A value is looked for from here up:
 * the first level where it was given wins, else the innermost level's environment or default.
 */
export class Context {
  readonly parent: Context | undefined;
  /** As errors name the command: the last two words of its path. */
  readonly fullName: string;
  readonly #flags: FlagSet;

  constructor(parent: Context | undefined, fullName: string, flags: FlagSet) {
    this.parent = parent;
    this.fullName = fullName;
    this.#flags = flags;
  }

  get args(): readonly string[] {
    return this.#flags.args;
  }

  *#lineage(): Generator<Context> {
    yield this;
    for (let context = this.parent; context !== undefined; context = context.parent) yield context;
  }

  #texts(name: string): readonly string[] {
    let fallback: readonly string[] | undefined;
    for (const context of this.#lineage()) {
      const spec = context.#flags.find(name);
      if (spec === undefined) continue;
      if (context.#flags.isGiven(spec)) return context.#flags.texts(spec);
      fallback ??= context.#flags.texts(spec);
    }
    return fallback ?? [];
  }

  text(name: string): string {
    return this.#texts(name)[0] ?? '';
  }

  isOn(name: string): boolean {
    return parseSwitch(this.text(name)) === true;
  }

  integer(name: string): number {
    return Number(this.text(name));
  }

  durationMs(name: string): number {
    return parseDurationMs(this.text(name)) ?? 0;
  }

  list(name: string): readonly string[] {
    return this.#texts(name);
  }

  /** Given, or by the environment, at this level or above. */
  isSet(name: string): boolean {
    for (const context of this.#lineage()) {
      const spec = context.#flags.find(name);
      if (spec !== undefined && (context.#flags.isGiven(spec) || context.#flags.isFromEnvironment(spec))) return true;
    }
    return false;
  }

  /** All that was given, by every name it has, for the log. */
  given(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const context of this.#lineage()) {
      for (const spec of context.#flags.specs.filter((candidate) => context.#flags.isGiven(candidate))) {
        for (const name of flagNames(spec)) found.set(name, spec.kind === 'list' ? `[${this.list(name).join(' ')}]` : this.text(name));
      }
    }
    return found;
  }

  /** Lets keys of the configuration file stand where neither the command line nor the environment gave a value. */
  applyConfig(settings: ReadonlyMap<string, unknown>): void {
    const visited = new Set<string>();
    for (const context of this.#lineage()) {
      for (const spec of context.#flags.specs) {
        const names = flagNames(spec);
        if (names.some((name) => visited.has(name))) continue;
        for (const name of names) visited.add(name);
        const isDecided = context.isSet(spec.name) || spec.env.some((name) => env[name] !== undefined);
        if (!spec.inConfig || isDecided || !settings.has(spec.name)) continue;
        const texts = configTexts(spec, settings.get(spec.name));
        if (texts !== undefined) context.#flags.give(spec, texts);
      }
    }
  }
}
