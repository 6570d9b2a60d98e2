import { parseDestination, type ParsedDestination } from '../core/destination.js';
import type { Problem } from '../core/errors.js';
import { isInZone, parseHostname } from '../core/hostname.js';
import type { ForwardingRule, OriginOptions } from '../core/rule.js';
import { invalidField, invalidRules } from './failures.js';
import { isObject, type JsonObject } from './json.js';
import { pythonRepr } from './python-text.js';

/** Rules as Portacode writes them: in messages and in its state file. */

/** A rule as it was asked for, normalized. What it does not say (`path`, options) may be known from before. */
export interface AskedRule {
  readonly hostname: string;
  readonly destination: string;
  readonly path?: string;
  readonly originRequest?: OriginOptions;
}

/**
 * The list of a message. A name outside the zone is refused, except one that is set aside already.
 * @throws SupervisorError FORWARDING_INVALID with all that is wrong, the first of it in Portacode's words as the message
 */
export function parseAskedRules(list: unknown, domain: string, setAside: readonly ForwardingRule[]): readonly AskedRule[] {
  if (!Array.isArray(list)) throw invalidField('rules', 'rules must be a list');
  const known = new Set(setAside.map(({ hostname }) => hostname));
  const problems: Problem[] = [];
  const rules = list.flatMap((item: unknown, index) => {
    const read = readRule(item, (given, hostname) => {
      if (hostname === undefined) return looksInZone(given, domain);
      return isInZone(hostname, domain) || known.has(hostname) ? undefined : outsideZone(given, domain);
    });
    if ('asked' in read) return [read.asked];
    problems.push({ rule: index, ...read.problem });
    return [];
  });
  if (problems.length > 0) throw invalidRules(problems);
  return rules;
}

type RuleProblem = Omit<Problem, 'rule'>;
type ReadRule = { readonly asked: AskedRule } | { readonly problem: RuleProblem };
/** What is wrong with a name beside its form; `hostname` is undefined where that is wrong. */
type CheckHostname = (given: string, hostname: string | undefined) => RuleProblem | undefined;

/**
 * One rule, the first thing that is wrong with it in Portacode's order. `parsed` and `resolved_ip` in it are derived, and
 * not looked at; nor is anything else that we do not know.
 */
export function readRule(item: unknown, checkHostname: CheckHostname = () => undefined): ReadRule {
  if (!isObject(item)) return wrong(undefined, 'RULE_INVALID', 'Each rule must be an object with hostname and destination');
  const given = firstText(item, ['hostname', 'host', 'domain']);
  if (given.trim() === '') return wrong('hostname', 'HOSTNAME_REQUIRED', 'hostname is required for each rule');
  const hostname = parseHostname(given.trim());
  const unfit = checkHostname(given, hostname.ok ? hostname.value.hostname : undefined);
  if (unfit !== undefined) return { problem: unfit };
  if (!hostname.ok) return wrong('hostname', hostname.code, hostname.message);
  const destination = readDestination(firstText(item, ['destination', 'service']));
  if ('problem' in destination) return destination;
  const { path, originRequest } = item;
  return {
    asked: {
      hostname: hostname.value.hostname,
      destination: destination.text,
      ...(typeof path === 'string' && path !== '' && path !== '/' ? { path } : {}),
      ...(isObject(originRequest) && Object.keys(originRequest).length > 0 ? { originRequest } : {}),
    },
  };
}

function readDestination(given: string): ParsedDestination | { readonly problem: RuleProblem } {
  if (given.trim() === '') return wrong('destination', 'DESTINATION_REQUIRED', 'destination is required for each rule');
  const destination = parseDestination(given);
  if (destination.ok) return destination.value;
  // What Portacode refuses too, it refuses in these words; what it would have accepted, and cloudflared not, needs others.
  const isUrl = /^https?:\/\/[^/?#\s]/i.test(given.trim());
  return wrong('destination', destination.code, isUrl ? destination.message : 'destination must be a valid http:// or https:// URL');
}

const outsideZone = (given: string, domain: string): RuleProblem => ({
  field: 'hostname',
  code: 'HOSTNAME_OUTSIDE_ZONE',
  message: `${pythonRepr(given)} is not a subdomain of ${pythonRepr(domain)}`,
});

/** Of a name that is none: Portacode would have looked at its end only, and said nothing else. */
function looksInZone(given: string, domain: string): RuleProblem | undefined {
  const name = given.trim().toLowerCase();
  return name === domain || name.endsWith(`.${domain}`) ? undefined : outsideZone(given, domain);
}

/** Which of the names has a text: the first that is not empty. */
function firstText(item: JsonObject, names: readonly string[]): string {
  for (const name of names) {
    const value = item[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}

const wrong = (field: string | undefined, code: string, message: string): { readonly problem: RuleProblem } => ({ problem: { ...(field === undefined ? {} : { field }), code, message } });

/**
 * The rules that a list stands for. Portacode's lists say only name and destination, so a rule in it that was not
 * touched stays the rule that it was, with its path and options.
 */
export function completeRules(asked: readonly AskedRule[], stored: readonly ForwardingRule[]): readonly ForwardingRule[] {
  const left = [...stored];
  const take = (matches: (rule: ForwardingRule) => boolean): ForwardingRule | undefined => {
    const index = left.findIndex(matches);
    return index < 0 ? undefined : left.splice(index, 1)[0];
  };
  return asked.map((rule) => {
    if (rule.path !== undefined || rule.originRequest !== undefined) return rule;
    return take((known) => known.hostname === rule.hostname && known.destination === rule.destination) ?? rule;
  });
}
