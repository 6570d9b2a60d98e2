import { isDeepStrictEqual } from 'node:util';
import { parseDestination } from '../core/destination.js';
import { SupervisorError } from '../core/errors.js';
import { parseHostname } from '../core/hostname.js';
import { quote } from '../core/parsed.js';
import type { Revision } from '../core/revision.js';
import type { ForwardingRule } from '../core/rule.js';
import { parsePath } from './path.js';

/** Changes of the stored rules, as pure functions: what comes out is validated afterwards, as a whole. */

/** What a revision holds of the user's rules: the published ones, and those whose name is not in the zone. */
export interface StoredRules {
  readonly rules: readonly ForwardingRule[];
  readonly setAside: readonly ForwardingRule[];
}

/**
 * What an edit gives: not validated yet. `focus` is the index of the one rule it is about, for its problems; `asked` are the
 * names that it is about, where they are more.
 */
export interface EditedRules {
  readonly rules: readonly unknown[];
  readonly setAside: readonly ForwardingRule[];
  readonly focus?: number;
  readonly asked?: readonly string[];
}

/** Pure. Throws RULE_EXISTS or RULE_UNKNOWN. Called when its turn comes, with what is stored then; maybe more than once. */
export type RulesEdit = (stored: StoredRules) => EditedRules;

export const storedRules = (revision: Revision | undefined): StoredRules => ({
  rules: revision?.rules.map(({ rule }) => rule) ?? [],
  setAside: revision?.setAside ?? [],
});

/**
 * Adds a rule. One with the same name and path is changed in its place where `replace` says so; without it, that is
 * RULE_EXISTS unless nothing would change.
 */
export const addRule =
  (rule: ForwardingRule, { replace }: { readonly replace: boolean }): RulesEdit =>
  ({ rules, setAside }) => {
    const key = askedKey(rule);
    const index = rules.findIndex((stored) => storedKey(stored) === key);
    const stored = rules[index];
    if (stored === undefined) return { rules: [...rules, rule], setAside: setAside.filter((other) => storedKey(other) !== key), focus: rules.length };
    if (!replace && !sameWish(stored, rule)) throw new SupervisorError('RULE_EXISTS', `${describe(stored)} leads to ${stored.destination} already`);
    return { rules: rules.with(index, rule), setAside, focus: index };
  };

/** Removes the rule of this name and path, a set-aside one too. */
export const removeRule =
  (target: { readonly hostname: string; readonly path?: string }): RulesEdit =>
  ({ rules, setAside }) => {
    const key = askedKey(target);
    const isOther = (stored: ForwardingRule): boolean => storedKey(stored) !== key;
    const kept = { rules: rules.filter(isOther), setAside: setAside.filter(isOther) };
    if (kept.rules.length === rules.length && kept.setAside.length === setAside.length) {
      throw new SupervisorError('RULE_UNKNOWN', `There is no rule for ${quote(describe(target))}`);
    }
    return kept;
  };

/**
 * Adds rules that somebody else had published. One with the name and path of a stored one takes its place, or goes where
 * `keepStored` says so.
 */
export const bringRules =
  (brought: readonly ForwardingRule[], { keepStored }: { readonly keepStored: boolean }): ((stored: StoredRules) => StoredRules) =>
  ({ rules, setAside }) => {
    const known = new Set([...rules, ...setAside].map(storedKey));
    const added = keepStored ? brought.filter((rule) => !known.has(askedKey(rule))) : brought;
    const replaced = new Set(added.map(askedKey));
    const isOther = (stored: ForwardingRule): boolean => !replaced.has(storedKey(stored));
    return { rules: [...rules.filter(isOther), ...added], setAside: setAside.filter(isOther) };
  };

/**
 * These rules instead of all stored ones. A rule that is set aside may stand in the list and stays set aside; one that
 * does not goes, unless `keepSetAside`.
 */
export function replaceRules(list: unknown, { keepSetAside }: { readonly keepSetAside: boolean }): (stored: StoredRules) => { readonly rules: unknown; readonly setAside: readonly ForwardingRule[] } {
  return ({ setAside }) => {
    // To read ten thousand names takes a while, and hardly ever anything is set aside.
    if (!keepSetAside || setAside.length === 0) return { rules: list, setAside: [] };
    const listed = new Set(Array.isArray(list) ? list.map((item: unknown) => keyOfUnknown(item)) : []);
    return { rules: list, setAside: setAside.filter((stored) => !listed.has(storedKey(stored))) };
  };
}

type NamedPath = { readonly hostname: string; readonly path?: string };

/** Stored rules are normalized. */
const storedKey = ({ hostname, path }: NamedPath): string => JSON.stringify([hostname, path ?? null]);

/** The key of a rule as it was asked for, as far as it can be read; what cannot be is refused by the validation. */
function askedKey({ hostname, path }: NamedPath): string {
  const name = parseHostname(hostname);
  const prefix = path === undefined ? undefined : parsePath(path);
  return JSON.stringify([name.ok ? name.value.hostname : hostname, (prefix?.ok === true ? prefix.value : path) ?? null]);
}

function keyOfUnknown(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const { hostname, path } = item as { readonly hostname?: unknown; readonly path?: unknown };
  if (typeof hostname !== 'string' || (path !== undefined && typeof path !== 'string')) return undefined;
  return askedKey({ hostname, ...(path === undefined ? {} : { path }) });
}

function sameWish(stored: ForwardingRule, asked: ForwardingRule): boolean {
  const destination = parseDestination(asked.destination);
  return stored.destination === (destination.ok ? destination.value.text : asked.destination)
    && isDeepStrictEqual(stored.originRequest ?? {}, asked.originRequest ?? {});
}

const describe = ({ hostname, path }: NamedPath): string => `${hostname}${path ?? ''}`;
