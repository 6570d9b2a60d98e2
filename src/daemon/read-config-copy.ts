import { isDeepStrictEqual } from 'node:util';
import { SupervisorError, type Problem } from '../core/errors.js';
import type { Revision } from '../core/revision.js';
import type { ForwardingRule } from '../core/rule.js';
import { isObject } from '../core/json.js';
import { pathOfPattern, pathPattern } from '../forwarding/path.js';
import type { IngressRule } from '../forwarding/ports.js';
import { readStoredIngress } from '../forwarding/stored-ingress.js';

/** The keys that we write; what a person adds beside them we could not keep. */
const TOP_LEVEL = ['tunnel', 'credentials-file', 'ingress'];
const RULE_KEYS = ['hostname', 'path', 'service', 'originRequest'];

/**
 * What a person made of `config.yml`, as rules. A rule that was not touched stays the rule that it was, so that one
 * for a device does not become one for an address.
 * @throws SupervisorError FORWARDING_INVALID where the file says something that rules cannot say
 */
export async function readConfigCopy(content: string, current: Revision): Promise<readonly ForwardingRule[]> {
  const { parse } = await import('yaml');
  let document: unknown;
  try {
    // Strings stay strings, whatever they look like; no aliases that unfold to gigabytes.
    document = parse(content, { schema: 'core', maxAliasCount: 0, logLevel: 'error' });
  } catch (error) {
    throw invalid([{ code: 'FILE_INVALID', message: `it is not YAML: ${error instanceof Error ? error.message.split('\n')[0] ?? '' : String(error)}` }]);
  }
  if (!isObject(document)) throw invalid([{ code: 'FILE_INVALID', message: 'it is not a configuration of cloudflared' }]);
  const problems: Problem[] = Object.keys(document)
    .filter((key) => !TOP_LEVEL.includes(key))
    .map((key) => ({ field: key, code: 'FIELD_UNKNOWN', message: `"${key}" is nothing that is managed here` }));
  if (document['tunnel'] !== undefined && document['tunnel'] !== current.tunnelId)
    problems.push({ field: 'tunnel', code: 'TUNNEL_CHANGED', message: 'another tunnel is connected with `setup`, not in this file' });
  const entries: unknown = document['ingress'];
  if (!Array.isArray(entries)) throw invalid([...problems, { field: 'ingress', code: 'FIELD_MISSING', message: 'it has no list of ingress rules' }]);
  const catchAll: unknown = entries.at(-1);
  if (!isDeepStrictEqual(catchAll, { service: 'http_status:404' }))
    problems.push({ field: 'ingress', code: 'CATCH_ALL_CHANGED', message: 'the last rule must be the one that answers 404 to all else' });

  const known = await indexStored(current);
  const rules = entries.slice(0, -1).flatMap((entry: unknown, index) => {
    const rule = readRule(entry, known);
    if (typeof rule !== 'string') return [rule];
    problems.push({ rule: index, code: 'RULE_INVALID', message: rule });
    return [];
  });
  if (problems.length > 0) throw invalid(problems);
  return inStoredOrder(rules, current);
}

interface Known {
  readonly rule: ForwardingRule;
  readonly ingress: IngressRule;
}

const keyOf = (hostname: unknown, path: unknown): string => JSON.stringify([hostname, path ?? null]);
const ruleKey = ({ hostname, path }: ForwardingRule): string => keyOf(hostname, path);

async function indexStored(current: Revision): Promise<ReadonlyMap<string, Known>> {
  const ingress = new Map((await readStoredIngress(current)).map((entry) => [keyOf(entry.hostname, entry.path), entry]));
  const known = new Map<string, Known>();
  for (const { rule } of current.rules) {
    const key = keyOf(rule.hostname, rule.path === undefined ? undefined : pathPattern(rule.path));
    const rendered = ingress.get(key);
    if (rendered !== undefined) known.set(key, { rule, ingress: rendered });
  }
  return known;
}

/** The rule, or what is wrong with it. */
function readRule(entry: unknown, known: ReadonlyMap<string, Known>): ForwardingRule | string {
  if (!isObject(entry)) return 'it is not an ingress rule';
  const unknownKey = Object.keys(entry).find((key) => !RULE_KEYS.includes(key));
  if (unknownKey !== undefined) return `it has "${unknownKey}", which is nothing that is managed here`;
  const { hostname, path, service, originRequest } = entry;
  if (typeof hostname !== 'string' || typeof service !== 'string') return 'it needs a hostname and a service';
  const before = known.get(keyOf(hostname, path));
  if (before !== undefined && isDeepStrictEqual(before.ingress, entry)) return before.rule;
  const prefix = typeof path === 'string' ? pathOfPattern(path) : undefined;
  if (path !== undefined && prefix === undefined) return 'its path is not one that stands for a prefix, like "^/api(/|$)"';
  return {
    hostname,
    ...(prefix === undefined ? {} : { path: prefix }),
    destination: before?.ingress.service === service ? before.rule.destination : service,
    ...(isObject(originRequest) ? { originRequest } : {}),
  };
}

/** The file is sorted for cloudflared; the stored order is the user's, and new rules come last. */
function inStoredOrder(rules: readonly ForwardingRule[], current: Revision): readonly ForwardingRule[] {
  const place = new Map(current.rules.map(({ rule }, index) => [ruleKey(rule), index]));
  const placeOf = (rule: ForwardingRule): number => place.get(ruleKey(rule)) ?? current.rules.length;
  return rules.toSorted((a, b) => placeOf(a) - placeOf(b));
}

function invalid(problems: readonly Problem[]): SupervisorError {
  return new SupervisorError('FORWARDING_INVALID', `config.yml was changed, and cannot be used: ${problems.map(({ rule, message }) => (rule === undefined ? message : `rule ${rule}: ${message}`)).join('; ')}`, { problems });
}
