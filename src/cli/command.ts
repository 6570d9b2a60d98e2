import type { SupervisorClient } from '../api/client.js';
import type { Identity } from '../host/identity.js';
import type { Places } from '../host/places.js';
import type { Output } from './output.js';

/** A command of the command line, as data: help, the README's table and the parser are made from it. */
export interface CommandSpec {
  /** As typed: `forward add`. */
  readonly name: string;
  /** In commander's notation: `<required>`, `[optional]`, `<many...>`. */
  readonly args?: string;
  readonly summary: string;
  readonly options?: readonly OptionSpec[];
  /** It takes every option of `run` too, to pass them on to the daemon that it starts. */
  readonly takesRunOptions?: boolean;
  /** A signal is how it ends, and no interruption: its exit code is its own. */
  readonly endsBySignal?: boolean;
  /** Loaded when it runs: a short-lived command loads what it needs. */
  readonly load: () => Promise<{ readonly run: RunCommand }>;
}

export interface OptionSpec {
  /** In commander's notation: `--name <value>`, `--flag`. One with `<value...>` takes every word up to the next option: not beside arguments. */
  readonly flags: string;
  readonly describe: string;
  /** Given several times it is a list. */
  readonly repeatable?: boolean;
}

/** Resolves with the exit code; undefined is 0. Rejects with a `SupervisorError`. */
export type RunCommand = (context: CommandContext) => Promise<number | undefined>;

export interface CommandContext {
  readonly args: readonly (string | undefined)[];
  readonly options: GivenOptions;
  readonly output: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Whom this is for. */
  identity(): Identity;
  /** Whose daemon this is about, and where it is. */
  places(): Promise<Places>;
  client(): Promise<SupervisorClient>;
}

/** The options of one invocation, by flag name without dashes. */
export class GivenOptions {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] | undefined {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : undefined;
  }
}
