import { splitWords } from './words.js';

/** What a unit says of the program that it runs. */
export interface ServiceText {
  /** As it would be started; undefined where that cannot be read from the text. */
  readonly words: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** Files with more of it; the text says whether one may be missing. */
  readonly environmentFiles: readonly string[];
  /** Whom it runs as; undefined is root, or for a user's own unit that user. */
  readonly user: string | undefined;
  readonly workingDirectory: string | undefined;
}

type Settings = ReadonlyMap<string, readonly string[]>;

/** The unit and its drop-ins, in the order in which they count. `environment` holds what its environment files say. */
export function parseSystemdUnit(texts: readonly string[], fileEnvironment: Readonly<Record<string, string>> = {}): ServiceText {
  const settings = readService(texts);
  const last = (key: string): string | undefined => settings.get(key)?.at(-1);
  const environment: Record<string, string> = {};
  for (const line of settings.get('Environment') ?? []) {
    for (const pair of splitWords(line.replaceAll('$', '\\$')) ?? []) {
      const equals = pair.indexOf('=');
      if (equals > 0) environment[pair.slice(0, equals)] = pair.slice(equals + 1);
    }
  }
  const all = { ...environment, ...fileEnvironment };
  return {
    words: readCommand(last('ExecStart'), all),
    environment: all,
    environmentFiles: (settings.get('EnvironmentFile') ?? []).map((path) => path.replace(/^-/, '')),
    user: last('User'),
    workingDirectory: last('WorkingDirectory')?.replace(/^-/, ''),
  };
}

/** The settings of `[Service]`; an empty one forgets those before it. */
function readService(texts: readonly string[]): Settings {
  const settings = new Map<string, readonly string[]>();
  for (const text of texts) {
    let section = '';
    for (const line of text.replaceAll(/\\\n\s*/g, ' ').split('\n').map((raw) => raw.trim())) {
      if (line.startsWith('#') || line.startsWith(';')) continue;
      section = /^\[(.+)\]$/.exec(line)?.[1] ?? section;
      const [, key, value] = /^(\w+)\s*=\s*(.*)$/.exec(line) ?? [];
      if (section !== 'Service' || key === undefined || value === undefined) continue;
      settings.set(key, value === '' ? [] : [...(settings.get(key) ?? []), value]);
    }
  }
  return settings;
}

/** Before the program may stand marks of how it is run. `%%` is a percent sign; any other specifier is not known here. */
function readCommand(line: string | undefined, variables: Readonly<Record<string, string>>): readonly string[] | undefined {
  if (line === undefined) return undefined;
  const command = line.replace(/^[@:+!|-]+/, '');
  if (/%(?!%)/.test(command.replaceAll('%%', ''))) return undefined;
  return splitWords(command.replaceAll('%%', '%').replaceAll('$$', '\\$'), { variables, splitVariables: true });
}
