import { createClient, type SupervisorClient } from '../api/client.js';
import { variableOf, type RunOptionName } from '../daemon/options.js';
import { resolveIdentity, type Identity } from '../host/identity.js';
import { keepOwnXdg } from '../host/own-xdg.js';
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
    identity: () => identify(invocation),
    places: findPlaces,
    client: async (): Promise<SupervisorClient> => createClient({ socketPath: await socketPath() }),
  };
}

/** A flag, else its variable. */
function given({ options, environment }: Invocation, name: RunOptionName): string | undefined {
  const value = options.text(name) ?? environment[variableOf(name)];
  return value === '' ? undefined : value;
}

function identify(invocation: Invocation): Identity {
  const directoriesGiven = given(invocation, 'base-dir') !== undefined && given(invocation, 'state-dir') !== undefined;
  return resolveIdentity({ user: given(invocation, 'user'), env: invocation.environment, directoriesGiven });
}

/** Whose daemon is meant, and where it is: as given, else what `run` wrote down. */
async function locate(invocation: Invocation): Promise<Places> {
  const options = { baseDir: given(invocation, 'base-dir'), stateDir: given(invocation, 'state-dir'), socket: given(invocation, 'socket') };
  const identity = identify(invocation);
  return await readPlaces({ identity, options, env: keepOwnXdg(invocation.environment, identity.uid) });
}
