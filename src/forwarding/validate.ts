import type { ZodError } from 'zod';
import { parseDestination, type ParsedDestination } from '../core/destination.js';
import { SupervisorError, type Problem } from '../core/errors.js';
import { isInZone, parseHostname } from '../core/hostname.js';
import { nextTurn, RULES_A_TURN } from '../core/turns.js';
import { quote, type Parsed } from '../core/parsed.js';
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
  const knownOutside = new Set((options.setAside ?? []).map((rule) => ruleKey(rule.hostname, rule.path)));
  const firstOf = new Map<string, number>();
  const take = (item: unknown, index: number): void => {
    const found: Omit<Problem, 'rule'>[] = [];
    const shape = forwardingRule.safeParse(item);
    const { hostname, path, destination } = parseFields(item, found);
    if (!shape.success) found.push(...describeShape(shape.error, item));

    const inZone = hostname === undefined || isInZone(hostname, options.zone);
    const key = hostname === undefined || path === undefined ? undefined : ruleKey(hostname, path.value);
    const mayBeOutside = options.outsideZone === 'set-aside' || (key !== undefined && knownOutside.has(key));
    if (!inZone && !mayBeOutside) found.push({ field: 'hostname', code: 'HOSTNAME_OUTSIDE_ZONE', message: `hostname ${quote(hostname)} is not in the zone ${options.zone}` });
    const first = key === undefined ? undefined : firstOf.get(key);
    if (first !== undefined) found.push({ field: 'hostname', code: 'RULE_DUPLICATE', message: `${key} stands in the list already, as rule ${first}` });
    else if (key !== undefined) firstOf.set(key, index);

    for (const problem of found) problems.push({ rule: index, ...problem });
    if (found.length > 0 || !shape.success || hostname === undefined || path === undefined || destination === undefined) return;
    const rule = makeRule(hostname, path.value, destination, shape.data.originRequest);
    if (inZone) valid.push({ index, rule });
    else outside.push(rule.rule);
  };
  for (const [index, item] of input.entries()) {
    if (index > 0 && index % RULES_A_TURN === 0) await nextTurn();
    take(item, index);
  }
  problems.push(...(await findMissingFiles(valid, options)));
  if (problems.length > 0) throw invalidRules(problems.toSorted((a, b) => (a.rule ?? -1) - (b.rule ?? -1)));
  return { zone: options.zone, rules: valid.map(({ rule }) => rule), setAside: outside } as unknown as ValidatedRules;
}

/** One string for a name and path, both normalized; no two rules may share it. */
export const ruleKey = (hostname: string, path: string | undefined): string => hostname + (path ?? '');

function invalidRules(problems: readonly Problem[]): SupervisorError {
  const [first] = problems;
  const where = first?.rule === undefined ? '' : `rule ${first.rule}: `;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new SupervisorError('FORWARDING_INVALID', `${where}${first?.message ?? 'invalid'}${more}`, { problems });
}

interface Fields {
  readonly hostname: string | undefined;
  readonly path: { readonly value: string | undefined } | undefined;
  readonly destination: ParsedDestination | undefined;
}

/** What can be read of a rule's own fields, whatever else is wrong with it: one wrong field must not hide another. */
function parseFields(item: unknown, found: Omit<Problem, 'rule'>[]): Fields {
  const fields = (typeof item === 'object' && item !== null ? item : {}) as { readonly [field: string]: unknown };
  const parse = <T>(field: string, parser: (text: string) => Parsed<T>): { readonly value: T } | undefined => {
    const text = fields[field];
    if (typeof text !== 'string') return undefined; // its shape is wrong, which the schema says
    const result = parser(text);
    if (result.ok) return result;
    found.push({ field, code: result.code, message: result.message });
    return undefined;
  };
  return {
    hostname: parse('hostname', parseHostname)?.value.hostname,
    path: fields['path'] === undefined ? { value: undefined } : parse('path', parsePath),
    destination: parse('destination', parseDestination)?.value,
  };
}

function makeRule(hostname: string, path: string | undefined, { destination, text }: ParsedDestination, options: OriginOptions | undefined): ValidRule {
  const originRequest = orderOptions(options);
  const rule: ForwardingRule = {
    hostname,
    ...(path === undefined ? {} : { path }),
    destination: text,
    ...(originRequest === undefined ? {} : { originRequest }),
  };
  return { hostname, path, destination, rule } as unknown as ValidRule;
}

/** cloudflared's order, so that the same options always give the same file. */
function orderOptions(options: OriginOptions | undefined): OriginOptions | undefined {
  if (options === undefined) return undefined;
  const ordered: { [name: string]: unknown } = {};
  for (const name of ORIGIN_OPTION_NAMES) if (options[name] !== undefined) ordered[name] = options[name];
  return Object.keys(ordered).length === 0 ? undefined : ordered;
}

const PLAIN_NAME = /^[\w$-]{1,64}$/;

function describeShape(error: ZodError, item: unknown): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    const field = issue.path.map(String).join('.');
    if (issue.code === 'unrecognized_keys') {
      const isOption = issue.path.length > 0;
      return issue.keys.map((key) => ({
        ...(PLAIN_NAME.test(key) ? { field: isOption ? `${field}.${key}` : key } : {}),
        code: isOption ? 'ORIGIN_OPTION_UNKNOWN' : 'FIELD_UNKNOWN',
        message: isOption ? `${field} has no option ${quote(key)}` : `a rule has no field ${quote(key)}`,
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
