export type FlagKind = 'text' | 'switch' | 'integer' | 'duration' | 'list';

/** One flag of a command: where its value may come from, and what it is otherwise. */
export interface FlagSpec {
  readonly name: string;
  readonly kind: FlagKind;
  readonly aliases: readonly string[];
  /** Environment variables that give its value; the first that exists counts. */
  readonly env: readonly string[];
  readonly initial: string;
  /** A key of this name in the configuration file counts too. */
  readonly inConfig: boolean;
}

type Extra = Partial<Omit<FlagSpec, 'name' | 'kind'>>;

const INITIAL: Readonly<Record<FlagKind, string>> = { text: '', switch: 'false', integer: '0', duration: '0s', list: '' };

export const defineFlag = (kind: FlagKind, name: string, env: string | readonly string[] = [], extra: Extra = {}): FlagSpec => ({
  name,
  kind,
  aliases: [],
  env: typeof env === 'string' ? [env] : env,
  initial: INITIAL[kind],
  inConfig: true,
  ...extra,
});

export const flagNames = (spec: FlagSpec): readonly string[] => [spec.name, ...spec.aliases];
