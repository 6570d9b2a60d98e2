import { isDeepStrictEqual } from 'node:util';
import { parseHostname } from '../../core/hostname.js';
import { quote } from '../../core/parsed.js';
import type { ForwardingRule } from '../../core/rule.js';
import { compareRanks, rankRule } from '../../forwarding/rule-order.js';
import type { IngressEntry, OriginRequest } from '../parse/config-file.js';
import { keepVerifying, mergeOptions } from './origin-options.js';
import { prefixOfPattern } from './path-pattern.js';
import { covers, overlaps, type Reach } from './reach.js';
import { toDestination } from './service.js';

/** Whether cloudflared's rules can be ours so that no visitor notices, rule by rule. */

/** Rules are numbered as cloudflared numbers them in its messages: from 1. */
export interface TakenRule {
  readonly number: number;
  readonly rule: ForwardingRule;
}

export interface RefusedRule {
  readonly number: number;
  readonly hostname: string;
  readonly path: string;
  readonly service: string;
  readonly code: string;
  /** Goes on a sentence about the rule. */
  readonly reason: string;
}

export interface ConvertedRules {
  readonly taken: readonly TakenRule[];
  /** In the way: while the old connector and ours serve side by side, ours would answer otherwise. */
  readonly refused: readonly RefusedRule[];
  /** A person said that they may go. */
  readonly skipped: readonly RefusedRule[];
  readonly notes: readonly string[];
}

export interface RuleChoices {
  /** Names that have no rule, and that the last rule leads somewhere: they get one. */
  readonly hosts: readonly string[];
  /** Numbers and names of rules to be left out; `*` is the last rule. */
  readonly skip: readonly string[];
}

export interface IngressSource {
  readonly entries: readonly IngressEntry[];
  /** For all of them. */
  readonly originRequest: OriginRequest;
}

interface Candidate {
  readonly number: number;
  readonly entry: IngressEntry;
  readonly reach: Reach;
}

type Verdict = { readonly rule: ForwardingRule } | { readonly code: string; readonly reason: string };

export function convertRules({ entries, originRequest }: IngressSource, choices: RuleChoices): ConvertedRules {
  const notes: string[] = [];
  const last = entries.at(-1);
  const catchAll = last !== undefined && isEverything(last) ? { number: entries.length, entry: last } : undefined;
  const named = choices.hosts.map((hostname) => ({ number: entries.length, entry: { ...(catchAll?.entry ?? NOTHING), hostname } }));
  const listed = entries.slice(0, catchAll === undefined ? undefined : -1).map((entry, index) => ({ number: index + 1, entry }));
  const candidates = [...listed, ...(catchAll === undefined ? [] : named)].map(({ number, entry }): Candidate => ({ number, entry, reach: reachOf(entry) }));

  const alive = candidates.filter((candidate, index) => {
    const before = findCover(candidates.slice(0, index), candidate);
    if (before !== undefined) notes.push(`Rule #${candidate.number} (${describe(candidate.entry)}) is left out: no request reaches it, since rule #${before.number} stands before it.`);
    return before === undefined;
  });
  const skips = (candidate: Candidate): boolean => choices.skip.some((word) => word === String(candidate.number) || word === candidate.entry.hostname || word === candidate.reach.hostname);
  const verdicts = alive.filter((candidate) => !skips(candidate)).map((candidate) => ({ candidate, verdict: convert(candidate, originRequest, notes) }));

  const taken = verdicts.flatMap(({ candidate, verdict }) => ('rule' in verdict ? [{ candidate, number: candidate.number, rule: verdict.rule }] : []));
  const late = findLateRules(taken, notes);
  const refused = [
    ...verdicts.flatMap(({ candidate, verdict }) => ('rule' in verdict ? [] : [refuse(candidate, verdict)])),
    ...late,
    ...refuseCatchAll(catchAll, choices, notes),
  ];
  const isLate = new Set(late.map(({ number }) => number));
  return {
    taken: taken.filter(({ number }) => !isLate.has(number)).map(({ number, rule }) => ({ number, rule })),
    refused: refused.toSorted((a, b) => a.number - b.number),
    skipped: alive.filter(skips).map((candidate) => refuse(candidate, { code: 'RULE_SKIPPED', reason: 'is left out as asked' })),
    notes,
  };
}

const NOTHING: IngressEntry = { hostname: '', path: '', service: '', originRequest: {} };
const isEverything = ({ hostname, path }: IngressEntry): boolean => (hostname === '' || hostname === '*') && prefixOfPattern(path)?.path === undefined && prefixOfPattern(path) !== undefined;

function reachOf({ hostname, path }: IngressEntry): Reach {
  const prefix = prefixOfPattern(path);
  const parsed = parseHostname(hostname);
  const name = hostname === '' || hostname === '*' ? undefined : parsed.ok ? parsed.value.hostname : hostname;
  return { hostname: name, path: prefix === undefined ? 'inexpressible' : { prefix: prefix.path } };
}

/** Few rules are for many names; only those, and those of the same name, can leave nothing for another. */
function findCover(before: readonly Candidate[], { reach }: Candidate): Candidate | undefined {
  return before.find((other) => covers(other.reach, reach));
}

function convert({ number, entry, reach }: Candidate, shared: OriginRequest, notes: string[]): Verdict {
  if (reach.hostname === undefined) return { code: 'HOSTNAME_REQUIRED', reason: 'is for every name, and a rule here is for one' };
  const hostname = parseHostname(entry.hostname);
  if (!hostname.ok) return { code: hostname.code, reason: `cannot be one here: ${hostname.message}` };
  if (reach.path === 'inexpressible') return { code: 'PATH_INEXPRESSIBLE', reason: `has the regular expression ${quote(entry.path)} as its path, and a path here is a prefix` };
  const destination = toDestination(entry.service);
  if (!destination.ok) return { code: destination.code, reason: `cannot be one here: ${destination.message}` };
  const { options, unknown } = mergeOptions(shared, entry.originRequest);
  for (const name of unknown) notes.push(`Rule #${number} has the origin option ${quote(name)}, which cloudflared does not know either.`);
  const kept = keepVerifying(destination.value, options);
  return {
    rule: {
      hostname: hostname.value.hostname,
      ...(reach.path.prefix === undefined ? {} : { path: reach.path.prefix }),
      destination: destination.value,
      ...(Object.keys(kept).length === 0 ? {} : { originRequest: kept }),
    },
  };
}

/**
 * Here exact names are tried before wildcards, and longer paths before shorter. A rule that another one overtakes by
 * that would no longer get the requests that are for both; where both lead to the same, nobody notices.
 */
function findLateRules(taken: readonly { readonly candidate: Candidate; readonly number: number; readonly rule: ForwardingRule }[], notes: string[]): readonly RefusedRule[] {
  const late: RefusedRule[] = [];
  for (const [index, { candidate, rule }] of taken.entries()) {
    if (!rule.hostname.startsWith('*.')) continue; // of one name the order is the same, or the later one is never reached
    const overtaking = taken.slice(index + 1).filter((other) => compareRanks(rankRule(rule), rankRule(other.rule)) > 0 && overlaps(candidate.reach, other.candidate.reach));
    const elsewhere = overtaking.find((other) => !leadsAlike(rule, other.rule));
    if (elsewhere !== undefined) late.push(refuse(candidate, { code: 'RULE_OVERTAKEN', reason: `would be tried after rule #${elsewhere.number} here, since exact names go before wildcards and longer paths before shorter ones: requests that are for both would be led elsewhere` }));
    else for (const { number } of overtaking) notes.push(`Rule #${number} is tried before rule #${candidate.number} here; both lead to the same.`);
  }
  return late;
}

const leadsAlike = (a: ForwardingRule, b: ForwardingRule): boolean => a.destination === b.destination && isDeepStrictEqual(a.originRequest ?? {}, b.originRequest ?? {});

function refuseCatchAll(catchAll: { readonly number: number; readonly entry: IngressEntry } | undefined, { hosts, skip }: RuleChoices, notes: string[]): readonly RefusedRule[] {
  if (catchAll === undefined) return [];
  const { number, entry } = catchAll;
  if (entry.service === 'http_status:404' || hosts.length > 0 || skip.includes('*') || skip.includes(String(number))) return [];
  if (entry.service.startsWith('http_status:')) {
    notes.push(`Names without a rule get the status 404 here instead of ${entry.service.slice('http_status:'.length)}.`);
    return [];
  }
  const candidate: Candidate = { number, entry, reach: { hostname: undefined, path: { prefix: undefined } } };
  return [refuse(candidate, { code: 'CATCH_ALL_INEXPRESSIBLE', reason: `leads every name without a rule to ${entry.service}, and here such names get 404; say with --host which names those are` })];
}

const refuse = ({ number, entry }: Candidate, { code, reason }: { readonly code: string; readonly reason: string }): RefusedRule => ({ number, hostname: entry.hostname, path: entry.path, service: entry.service, code, reason });

const describe = ({ hostname, path, service }: IngressEntry): string => `${hostname === '' ? '*' : hostname}${path === '' ? '' : ` ${path}`} → ${service}`;
