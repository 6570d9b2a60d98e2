import { createClient, type SupervisorClient } from '../api/client.js';
import { variableOf } from '../daemon/options.js';
import { resolveIdentity } from '../host/identity.js';
import { readPlaces, type Places } from '../host/places.js';
import type { CommandContext, GivenOptions } from './command.js';
import type { Output } from './output.js';

interface Invocation {
  readonly args: readonly (string | undefined)[];
  readonly options: GivenOptions;
  readonly output: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

export function createContext(invocation: Invocation): CommandContext {
  let places: Promise<Places> | undefined;
  const findPlaces = (): Promise<Places> => (places ??= locate(invocation));
  const socketPath = async (): Promise<string> => (await findPlaces()).socket;
  return {
    ...invocation,
    places: findPlaces,
    client: async (): Promise<SupervisorClient> => createClient({ socketPath: await socketPath() }),
  };
}

/** Whose daemon is meant, and where it is: a flag, else its variable, else what `run` wrote down. */
async function locate({ options, environment }: Invocation): Promise<Places> {
  const given = (name: string): string | undefined => {
    const value = options.text(name) ?? environment[variableOf(name)];
    return value === '' ? undefined : value;
  };
  const baseDir = given('base-dir');
  const stateDir = given('state-dir');
  const identity = resolveIdentity({ user: given('user'), env: environment, directoriesGiven: baseDir !== undefined && stateDir !== undefined });
  return await readPlaces({ identity, options: { baseDir, stateDir, socket: given('socket') }, env: environment });
}
