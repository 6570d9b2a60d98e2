import { env } from 'node:process';

import { parseDurationMs } from '../go-duration.js';
import { goQuote } from '../go-quote.js';
import { flagNames, type FlagKind, type FlagSpec } from './flag-spec.js';

/** How the flags of one command were given. Its message is what cloudflared prints before its help. */
export class FlagProblem extends Error {
  override readonly name = 'FlagProblem';
}

/** A variable whose value cannot be parsed: cloudflared ends at once with code 0 and says nothing. */
export class EnvironmentProblem extends Error {
  override readonly name = 'EnvironmentProblem';
}

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);
export const parseSwitch = (text: string): boolean | undefined => (TRUE.has(text) ? true : FALSE.has(text) ? false : undefined);

const INTEGER = /^[+-]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)$/u;

const CHECKS: Readonly<Record<FlagKind, (text: string) => boolean>> = {
  switch: (text) => parseSwitch(text) !== undefined,
  integer: (text) => INTEGER.test(text),
  duration: (text) => parseDurationMs(text) !== undefined,
  text: () => true,
  list: () => true,
};

const isParsable = (spec: FlagSpec, text: string): boolean => CHECKS[spec.kind](text);

interface Value {
  /** One entry, save for a list. */
  readonly texts: readonly string[];
  /** By the command line or the configuration file. */
  readonly given: boolean;
  readonly fromEnvironment: boolean;
}

/** The flags of one command with their values, parsed as Go's flag package parses them. */
export class FlagSet {
  readonly specs: readonly FlagSpec[];
  /** What stands after the flags. */
  readonly args: readonly string[];
  readonly #byName = new Map<string, FlagSpec>();
  readonly #values = new Map<FlagSpec, Value>();

  /** Throws FlagProblem, or EnvironmentProblem. */
  constructor(specs: readonly FlagSpec[], args: readonly string[]) {
    this.specs = specs;
    for (const spec of specs) {
      for (const name of flagNames(spec)) this.#byName.set(name, spec);
      this.#values.set(spec, this.#fromEnvironment(spec));
    }
    this.args = this.#parse(args);
  }

  find(name: string): FlagSpec | undefined {
    return this.#byName.get(name);
  }

  isGiven(spec: FlagSpec): boolean {
    return this.#values.get(spec)?.given === true;
  }

  isFromEnvironment(spec: FlagSpec): boolean {
    return this.#values.get(spec)?.fromEnvironment === true;
  }

  texts(spec: FlagSpec): readonly string[] {
    return this.#values.get(spec)?.texts ?? [];
  }

  give(spec: FlagSpec, texts: readonly string[]): void {
    this.#values.set(spec, { texts, given: true, fromEnvironment: false });
  }

  #fromEnvironment(spec: FlagSpec): Value {
    const initial = { texts: spec.kind === 'list' ? [] : [spec.initial], given: false, fromEnvironment: false };
    const text = spec.env.map((name) => env[name]).find((value) => value !== undefined);
    if (text === undefined) return initial;
    if (spec.kind === 'list') return { texts: text.split(',').map((part) => part.trim()), given: false, fromEnvironment: true };
    if (text === '' && spec.kind !== 'text') return initial;
    if (!isParsable(spec, text)) throw new EnvironmentProblem(`could not parse ${goQuote(text)} for flag ${spec.name}`);
    return { texts: [text], given: false, fromEnvironment: true };
  }

  #parse(args: readonly string[]): readonly string[] {
    let index = 0;
    const givenNames = new Map<FlagSpec, string>();
    for (;;) {
      const argument = args[index];
      if (argument === undefined || argument.length < 2 || !argument.startsWith('-')) break;
      index += 1;
      if (argument === '--') break;
      const flag = argument.replace(/^--?/u, '');
      if (flag === '' || flag.startsWith('-') || flag.startsWith('=')) throw new FlagProblem(`bad flag syntax: ${argument}`);
      const equals = flag.indexOf('=');
      const name = equals === -1 ? flag : flag.slice(0, equals);
      const spec = this.#byName.get(name);
      if (spec === undefined) throw new FlagProblem(`flag provided but not defined: -${name}`);
      let text = equals === -1 ? undefined : flag.slice(equals + 1);
      if (text === undefined && spec.kind !== 'switch') {
        text = args[index];
        index += 1;
        if (text === undefined) throw new FlagProblem(`flag needs an argument: -${name}`);
      }
      this.#assign(spec, name, text ?? 'true');
      const other = givenNames.get(spec);
      if (other !== undefined && other !== name) throw new FlagProblem(`Cannot use two forms of the same flag: ${name} ${other}`);
      givenNames.set(spec, name);
    }
    return args.slice(index);
  }

  #assign(spec: FlagSpec, name: string, text: string): void {
    if (!isParsable(spec, text)) {
      const kind = spec.kind === 'switch' ? `invalid boolean value ${goQuote(text)} for -${name}` : `invalid value ${goQuote(text)} for flag -${name}`;
      throw new FlagProblem(`${kind}: parse error`);
    }
    const before = spec.kind === 'list' && this.isGiven(spec) ? this.texts(spec) : [];
    this.give(spec, [...before, text]);
  }
}
