import { isDeepStrictEqual } from 'node:util';
import { parseDestination } from '../../core/destination.js';
import { SupervisorError } from '../../core/errors.js';
import type { Revision } from '../../core/revision.js';
import type { ForwardingRule } from '../../core/rule.js';
import { isObject, type JsonObject } from '../json.js';
import { readRule } from '../parse-rules.js';
import { pythonTimeOf } from '../python-text.js';
import { plainNumbers } from './exact-json.js';
import { isOurs, MANAGED_BY, unknownFields } from './names.js';

/**
 * `cloudflare_forwarding.json`: Portacode's list of rules, as an older Portacode reads it. What it does not know stands
 * beside: rules outside the zone, on which it would fail, and rules of its own that cannot be published.
 */

const OUTSIDE = 'outside_zone_rules';
const INVALID = 'invalid_rules';
export const FIELDS_OF_FORWARDING: ReadonlySet<string> = new Set(['rules', 'updated_at', OUTSIDE, 'managed_by']);
export const FIELDS_OF_RULE: ReadonlySet<string> = new Set(['hostname', 'host', 'domain', 'destination', 'service', 'parsed', 'resolved_ip', 'path', 'originRequest']);

/**
 * `standing` is what the file holds now: what of it is not ours is kept. `dropped`: what we had written, where Portacode
 * itself wrote over it since, which leaves out all that it does not know. Pure.
 */
export function renderForwardingFile({ rules, setAside, createdAt }: Pick<Revision, 'rules' | 'setAside' | 'createdAt'>, found: JsonObject | undefined, dropped?: JsonObject): JsonObject {
  const standing = dropped === undefined ? found : { ...unknownFields(dropped, FIELDS_OF_FORWARDING), ...found };
  const [before, droppedRules] = [indexRules(standing), indexRules(dropped)];
  const render = (rule: ForwardingRule, resolvedIp?: string): JsonObject => ({
    hostname: rule.hostname,
    destination: rule.destination,
    parsed: describeDestination(rule.destination),
    ...(resolvedIp === undefined ? {} : { resolved_ip: resolvedIp }),
    ...(rule.path === undefined ? {} : { path: rule.path }),
    ...(rule.originRequest === undefined ? {} : { originRequest: rule.originRequest }),
    ...unknownFields(droppedRules.get(keyOf(rule)), FIELDS_OF_RULE),
    ...unknownFields(before.get(keyOf(rule)), FIELDS_OF_RULE),
  });
  const published = new Set([...rules.map(({ rule }) => keyOf(rule)), ...setAside.map(keyOf)]);
  const isPublished = (item: unknown): boolean => {
    const key = keyOfItem(item) ?? '';
    return published.has(key) && isDeepStrictEqual(before.get(key), item);
  };
  const left = standing === undefined || isOurs(standing) ? [] : listOf(standing, 'rules').filter((item) => !isPublished(item));
  return {
    rules: rules.map(({ rule, resolvedIp }) => render(rule, resolvedIp)),
    updated_at: pythonTimeOf(createdAt),
    managed_by: MANAGED_BY,
    ...(setAside.length === 0 ? {} : { [OUTSIDE]: setAside.map((rule) => render(rule)) }),
    ...unknownFields(standing, FIELDS_OF_FORWARDING),
    ...(left.length === 0 ? {} : { [INVALID]: [...listOf(standing, INVALID), ...left] }),
  };
}

export interface StoredByPortacode {
  readonly rules: readonly ForwardingRule[];
  /** What it recorded of its devices. */
  readonly addresses: readonly { readonly deviceId: string; readonly address: string }[];
  /** Why each of the others cannot be published. */
  readonly problems: readonly string[];
}

/** The rules of a file, ours or Portacode's own, those that can be used. Each once: the first wins, as in cloudflared. */
export function readForwardingFile(file: JsonObject): StoredByPortacode {
  const rules = new Map<string, ForwardingRule>();
  const addresses = new Map<string, string>();
  const problems: string[] = [];
  for (const item of [...listOf(file, 'rules'), ...listOf(file, OUTSIDE)].map(plainNumbers)) {
    const read = readRule(item);
    if ('problem' in read) {
      problems.push(read.problem.message);
      continue;
    }
    if (!rules.has(keyOf(read.asked))) rules.set(keyOf(read.asked), read.asked);
    const destination = parseDestination(read.asked.destination);
    const address = isObject(item) ? item['resolved_ip'] : undefined;
    if (destination.ok && destination.value.destination.kind === 'device' && typeof address === 'string' && address !== '') addresses.set(destination.value.destination.deviceId, address);
  }
  return { rules: [...rules.values()], addresses: [...addresses].map(([deviceId, address]) => ({ deviceId, address })), problems };
}

/**
 * What somebody made of the file, as rules to apply. Portacode itself leaves out the rules outside the zone, which are not
 * its to see: `setAside` are those, and they stay unless everything is to go. @throws SupervisorError FORWARDING_INVALID
 */
export function readEditedRules(file: JsonObject, setAside: readonly ForwardingRule[] = []): readonly ForwardingRule[] {
  if (!Array.isArray(file['rules'])) throw new SupervisorError('FORWARDING_INVALID', 'it has no list of rules');
  const { rules, problems } = readForwardingFile(file);
  const [first] = problems;
  if (first !== undefined) throw new SupervisorError('FORWARDING_INVALID', `it has a rule that cannot be used: ${first}`);
  return isOurs(file) || rules.length === 0 ? rules : [...rules, ...setAside.filter((rule) => !rules.some((other) => keyOf(other) === keyOf(rule)))];
}

/** Whether two files say the same about what is to be published. */
export function sameRules(a: JsonObject, b: JsonObject): boolean {
  const published = (file: JsonObject): StoredByPortacode => readForwardingFile({ rules: file['rules'] });
  const [one, other] = [published(a), published(b)];
  return isDeepStrictEqual(one.rules, other.rules) && isDeepStrictEqual(one.problems, other.problems);
}

const listOf = (file: JsonObject | undefined, key: string): readonly unknown[] => {
  const list = file?.[key];
  return Array.isArray(list) ? list : [];
};

const keyOf = ({ hostname, path }: Pick<ForwardingRule, 'hostname' | 'path'>): string => JSON.stringify([hostname, path ?? null]);

function keyOfItem(item: unknown): string | undefined {
  const read = readRule(item);
  return 'asked' in read ? keyOf(read.asked) : undefined;
}

/** The first of a key is the rule. */
function indexRules(file: JsonObject | undefined): ReadonlyMap<string, JsonObject> {
  const index = new Map<string, JsonObject>();
  for (const item of [...listOf(file, 'rules'), ...listOf(file, OUTSIDE)]) {
    const key = isObject(item) ? keyOfItem(item) : undefined;
    if (key !== undefined && isObject(item) && !index.has(key)) index.set(key, item);
  }
  return index;
}

/**
 * What an older Portacode takes a destination for. Where it does not know the kind, it is a service that it passes on as
 * it is; it never parses again what is described here.
 */
function describeDestination(text: string): JsonObject {
  const parsed = parseDestination(text);
  if (!parsed.ok || parsed.value.destination.kind !== 'device') return { type: 'url', service_url: text, path: '' };
  const { scheme, deviceId, port } = parsed.value.destination;
  return { type: 'device', scheme, device_id: deviceId, port, path: '' };
}
