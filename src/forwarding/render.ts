import { createHash } from 'node:crypto';
import type { IngressRule } from '../core/ingress.js';
import type { Destination } from '../core/rule.js';
import { nextTurn, RULES_A_TURN } from '../core/turns.js';
import { pathPattern } from './path.js';
import type { ResolvedRule, ResolvedRules } from './resolve.js';
import { compareRanks, rankRule } from './rule-order.js';
import { cannotBeCertified } from './tls-verification.js';

/** The third stage: cloudflared's configuration, as text and as data. */

export interface RenderedConfig {
  readonly yaml: string;
  readonly ingress: readonly IngressRule[];
  /** SHA-256 of the text, hex. */
  readonly hash: string;
}

export interface RenderTarget {
  readonly tunnelId: string;
  /** Absolute. */
  readonly credentialsFile: string;
}

const INGRESS = 'ingress:\n';

export async function renderConfig(rules: ResolvedRules, target: RenderTarget): Promise<RenderedConfig> {
  const { stringify } = await import('yaml');
  const ingress = toIngress(rules);
  // Every string is quoted: no reader of YAML, old or new, takes one for something else.
  const write = (part: object): string => stringify(part, { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', lineWidth: 0, aliasDuplicateObjects: false });
  const parts = [write({ tunnel: target.tunnelId, 'credentials-file': target.credentialsFile }), INGRESS];
  // Piece by piece, each a list like the whole.
  for (let begin = 0; begin < ingress.length; begin += RULES_A_TURN) {
    if (begin > 0) await nextTurn();
    parts.push(write({ ingress: ingress.slice(begin, begin + RULES_A_TURN) }).slice(INGRESS.length));
  }
  const yaml = parts.join('');
  return { yaml, ingress, hash: createHash('sha256').update(yaml).digest('hex') };
}

/** The rules in the order in which cloudflared tries them, and a last one that answers 404 to all the rest. */
export function toIngress(rules: ResolvedRules): readonly IngressRule[] {
  const ordered = rules.rules.map((rule) => ({ rule, rank: rankRule(rule.valid) })).sort((a, b) => compareRanks(a.rank, b.rank));
  return [...ordered.map(({ rule }) => toIngressRule(rule)), { service: 'http_status:404' }];
}

function toIngressRule({ valid, service, status }: ResolvedRule): IngressRule {
  const options = status === 'live' ? originRequest(valid.destination, valid.rule.originRequest ?? {}) : {};
  return {
    hostname: valid.hostname,
    ...(valid.path === undefined ? {} : { path: pathPattern(valid.path) }),
    service,
    ...(Object.keys(options).length === 0 ? {} : { originRequest: options }),
  };
}

function originRequest(destination: Destination, options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  // Whoever names a CA wants the certificate looked at.
  const decided = options['noTLSVerify'] !== undefined || options['caPool'] !== undefined;
  return !decided && cannotBeCertified(destination) ? { ...options, noTLSVerify: true } : options;
}
