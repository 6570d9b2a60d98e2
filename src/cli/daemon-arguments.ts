import { RUN_OPTIONS, readRunOptions, variableOf, type RunOptionName } from '../daemon/options.js';
import type { Environment } from '../host/child-environment.js';
import type { Identity } from '../host/identity.js';
import { keepOwnXdg } from '../host/own-xdg.js';
import { decidePlaces, type Places } from '../host/places.js';
import type { GivenOptions } from './command.js';
import { readRunFlags, toArguments, type RunFlags } from './run-flags.js';

/** Where everything is, and whom for: said in arguments of their own. */
const PLACES: readonly RunOptionName[] = ['user', 'base-dir', 'state-dir', 'socket'];

/**
 * The arguments of a `run` that is started elsewhere: from flags and variables, absolute, and checked before anything is
 * changed. Where everything is goes by `placeArguments`.
 * @throws SupervisorError OPTION_INVALID
 */
export function daemonArguments(options: GivenOptions, environment: Environment): readonly string[] {
  const given = readRunFlags(options);
  readRunOptions(given, environment);
  const flags: RunFlags = {};
  for (const name of Object.keys(RUN_OPTIONS) as RunOptionName[]) {
    const value = given[name] ?? environment[variableOf(name)];
    if (value === undefined || value === '' || PLACES.includes(name)) continue;
    flags[name] = typeof value === 'string' ? toAbsolute(name, value) : value.map((text) => toAbsolute(name, text));
  }
  return toArguments(flags);
}

/** Paths are read as absolute ones; what is no path is left as it was typed. */
function toAbsolute(name: RunOptionName, text: string): string {
  const spec = RUN_OPTIONS[name];
  const value: unknown = spec.repeatable ? text : spec.read(text);
  return typeof value === 'string' ? value : text;
}

/** The environment without what `placeArguments` says in its stead. */
export function withoutPlaces(environment: Environment): Environment {
  const said = PLACES.map(variableOf);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !said.includes(name)));
}

/** What must be said to a `run` in this environment, as this very user, so that it decides for these places. */
export function placeArguments(identity: Identity, places: Places, environment: Environment): readonly string[] {
  const { baseDir, stateDir, socket } = places;
  const own = identity.home === undefined ? undefined : decidePlaces({ identity: { ...identity, chosenBy: 'process' }, options: {}, env: keepOwnXdg(environment, identity.uid) });
  return toArguments({
    ...(baseDir === own?.baseDir ? {} : { 'base-dir': baseDir }),
    ...(stateDir === own?.stateDir ? {} : { 'state-dir': stateDir }),
    ...(socket === places.paths.controlSocket ? {} : { socket }),
  });
}
