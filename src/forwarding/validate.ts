import type { ZodError } from 'zod';
import { parseDestination } from '../core/destination.js';
import { SupervisorError, type Problem } from '../core/errors.js';
import { isInZone, parseHostname } from '../core/hostname.js';
import { quote } from '../core/parsed.js';
import { ORIGIN_OPTION_NAMES, type ForwardingRule, type OriginOptions, type ValidRule } from '../core/rule.js';
import { parsePath } from './path.js';
import type { StoredRules } from './rules-edit.js';

/** The first stage: unknown input becomes rules that nothing later has to doubt, or a list of all that is wrong with it. */

export const MAX_RULES = 10_000;

declare const validated: unique symbol;

/** Rules that passed; made here alone. No two have the same name and path, and each is in the zone. */
export interface ValidatedRules {
  readonly [validated]: true;
  readonly zone: string;
  readonly rules: readonly ValidRule[];
  readonly setAside: readonly ForwardingRule[];
}

export interface ValidateOptions {
  /** The domain of the tunnel. */
  readonly zone: string;
  /** Names outside the zone: refused where a user asks for them, set aside where they were stored before a reconnect. */
  readonly outsideZone: 'refuse' | 'set-aside';
  /** Rules set aside before: a rule of the list that is one of them stays set aside instead of being refused. */
  readonly setAside?: readonly ForwardingRule[];
  /** What is stored now: its files are not looked for again, so that one that is gone blocks no other change. */
  readonly stored?: StoredRules;
  /** 10,000 unless said otherwise. */
  readonly maxRules?: number;
  /** For `caPool`. Absent: not checked. */
  readonly fileExists?: (path: string) => Promise<boolean>;
}

/** Rejects with FORWARDING_INVALID, which holds every problem of every rule. */
export async function validateRules(input: unknown, options: ValidateOptions): Promise<ValidatedRules> {
  if (!Array.isArray(input)) throw invalidRules([{ code: 'RULES_INVALID', message: 'the rules must be a list' }]);
  const maxRules = options.maxRules ?? MAX_RULES;
  if (input.length > maxRules) throw invalidRules([{ code: 'RULES_TOO_MANY', message: `${input.length} rules are more than the ${maxRules} that are allowed` }]);
  const { forwardingRule } = await import('./origin-options.js');

  const problems: Problem[] = [];
  const valid: { readonly index: number; readonly rule: ValidRule }[] = [];
  const outside: ForwardingRule[] = [];
  const knownOutside = new Set((options.setAside ?? []).map(keyOfStored));
  const firstOf = new Map<string, number>();
  input.forEach((item: unknown, index) => {
    const shape = forwardingRule.safeParse(item);
    const found = shape.success ? parseRule(shape.data) : { problems: [...describeShape(shape.error, item), ...parseWhatIsThere(item)] };
    for (const problem of found.problems) problems.push({ rule: index, ...problem });
    if (!('rule' in found) || found.problems.length > 0) return;

    const key = ruleKey(found.rule.hostname, found.rule.path);
    const first = firstOf.get(key);
    firstOf.set(key, first ?? index);
    if (first !== undefined) {
      problems.push({ rule: index, field: 'hostname', code: 'RULE_DUPLICATE', message: `${describeRule(found.rule)} stands in the list already, as rule ${first}` });
    } else if (isInZone(found.rule.hostname, options.zone)) {
      valid.push({ index, rule: found.rule });
    } else if (options.outsideZone === 'set-aside' || knownOutside.has(key)) {
      outside.push(found.rule.rule);
    } else {
      problems.push({ rule: index, field: 'hostname', code: 'HOSTNAME_OUTSIDE_ZONE', message: `hostname ${quote(found.rule.hostname)} is not in the zone ${options.zone}` });
    }
  });
  problems.push(...(await findMissingFiles(valid, options)));
  if (problems.length > 0) throw invalidRules(problems.toSorted((a, b) => (a.rule ?? -1) - (b.rule ?? -1)));
  return { zone: options.zone, rules: valid.map(({ rule }) => rule), setAside: outside } as unknown as ValidatedRules;
}

/** One string for a name and path, both normalized; no two rules may share it. */
export const ruleKey = (hostname: string, path: string | undefined): string => hostname + (path ?? '');

const keyOfStored = (rule: ForwardingRule): string => ruleKey(rule.hostname, rule.path);

export const describeRule = (rule: { readonly hostname: string; readonly path?: string | undefined }): string => `${rule.hostname}${rule.path ?? ''}`;

function invalidRules(problems: readonly Problem[]): SupervisorError {
  const [first] = problems;
  const where = first?.rule === undefined ? '' : `rule ${first.rule}: `;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new SupervisorError('FORWARDING_INVALID', `${where}${first?.message ?? 'invalid'}${more}`, { problems });
}

type Found = { readonly problems: readonly Problem[] } | { readonly problems: readonly Problem[]; readonly rule: ValidRule };

/** A rule of the right shape: its name, path and destination. */
function parseRule(rule: ForwardingRule): Found {
  const hostname = parseHostname(rule.hostname);
  const path = rule.path === undefined ? { ok: true as const, value: undefined } : parsePath(rule.path);
  const destination = parseDestination(rule.destination);
  const problems: Problem[] = [];
  if (!hostname.ok) problems.push({ field: 'hostname', code: hostname.code, message: hostname.message });
  if (!path.ok) problems.push({ field: 'path', code: path.code, message: path.message });
  if (!destination.ok) problems.push({ field: 'destination', code: destination.code, message: destination.message });
  if (!hostname.ok || !path.ok || !destination.ok) return { problems };

  const originRequest = orderOptions(rule.originRequest);
  const stored: ForwardingRule = {
    hostname: hostname.value.hostname,
    ...(path.value === undefined ? {} : { path: path.value }),
    destination: destination.value.text,
    ...(originRequest === undefined ? {} : { originRequest }),
  };
  const valid = { hostname: stored.hostname, path: path.value, destination: destination.value.destination, rule: stored };
  return { problems: [], rule: valid as unknown as ValidRule };
}

/** cloudflared's order, so that the same options always give the same file. */
function orderOptions(options: OriginOptions | undefined): OriginOptions | undefined {
  if (options === undefined) return undefined;
  const ordered: { [name: string]: unknown } = {};
  for (const name of ORIGIN_OPTION_NAMES) if (options[name] !== undefined) ordered[name] = options[name];
  return Object.keys(ordered).length === 0 ? undefined : ordered;
}

/** What the fields that do have the right shape are worth, so that one wrong field does not hide another. */
function parseWhatIsThere(item: unknown): readonly Problem[] {
  if (typeof item !== 'object' || item === null) return [];
  const fields = item as { readonly [field: string]: unknown };
  const problems: Problem[] = [];
  for (const [field, parse] of [['hostname', parseHostname], ['path', parsePath], ['destination', parseDestination]] as const) {
    const value = fields[field];
    if (typeof value !== 'string') continue;
    const result = parse(value);
    if (!result.ok) problems.push({ field, code: result.code, message: result.message });
  }
  return problems;
}

function describeShape(error: ZodError, item: unknown): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    const field = issue.path.map(String).join('.');
    if (issue.code === 'unrecognized_keys') {
      const inOptions = issue.path.length > 0;
      return issue.keys.map((key) => ({
        field: inOptions ? `${field}.${key}` : key,
        code: inOptions ? 'ORIGIN_OPTION_UNKNOWN' : 'FIELD_UNKNOWN',
        message: inOptions ? `${field} has no option ${quote(key)}` : `a rule has no field ${quote(key)}`,
      }));
    }
    if (field === '') return [{ code: 'RULE_INVALID', message: `a rule ${issue.message}` }];
    const top = String(issue.path[0]);
    const missing = issue.path.length === 1 && !Object.hasOwn(item as object, top);
    if (missing) return [{ field, code: `${top.toUpperCase()}_REQUIRED`, message: `${field} is required` }];
    return [{ field, code: top === 'originRequest' ? 'ORIGIN_OPTION_INVALID' : `${top.toUpperCase()}_INVALID`, message: `${field} ${issue.message}` }];
  });
}

/** cloudflared starts without its CA file and then trusts nobody; better said before. */
async function findMissingFiles(rules: readonly { readonly index: number; readonly rule: ValidRule }[], options: ValidateOptions): Promise<Problem[]> {
  const { fileExists } = options;
  if (fileExists === undefined) return [];
  const isThere = new Map<unknown, boolean>(options.stored?.rules.map((rule) => [rule.originRequest?.caPool, true]));
  const problems: Problem[] = [];
  for (const { index, rule } of rules) {
    const path = rule.rule.originRequest?.caPool;
    if (typeof path !== 'string') continue;
    if (!isThere.has(path)) isThere.set(path, await fileExists(path));
    if (isThere.get(path) === true) continue;
    problems.push({ rule: index, field: 'originRequest.caPool', code: 'CA_POOL_MISSING', message: `originRequest.caPool names ${quote(path)}, which is not there or cannot be read` });
  }
  return problems;
}
