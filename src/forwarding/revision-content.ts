import { isDeepStrictEqual } from 'node:util';
import type { RecordedAddress, Revision } from '../core/revision.js';
import type { ForwardingRule } from '../core/rule.js';
import type { RenderedConfig } from './render.js';
import type { ResolvedRules } from './resolve.js';

/** A revision to write, and the file its connector runs on. */
export interface RevisionContent {
  readonly revision: Revision;
  readonly rendered: RenderedConfig;
}

export interface RevisionFacts {
  readonly revision: number;
  readonly createdAt: string;
  readonly reason: string;
  readonly setup: string | undefined;
  readonly tunnelId: string;
  readonly setAside: readonly ForwardingRule[];
}

export function makeRevision(facts: RevisionFacts, resolved: ResolvedRules, rendered: RenderedConfig): Revision {
  const { setup, ...rest } = facts;
  return {
    ...rest,
    ...(setup === undefined ? {} : { setup }),
    domain: resolved.zone,
    rules: resolved.rules.map(({ valid, status, address }) => ({ rule: valid.rule, status, ...(address === undefined ? {} : { resolvedIp: address }) })),
    addresses: resolved.addresses,
    configHash: rendered.hash,
  };
}

/** Whether `next` publishes fewer rules on the same tunnel, and those as they were. */
export function onlyRemoves(current: Revision | undefined, next: Revision): boolean {
  if (current?.tunnelId !== next.tunnelId || next.rules.length >= current.rules.length) return false;
  const before = new Map(current.rules.map((entry) => [JSON.stringify([entry.rule.hostname, entry.rule.path ?? null]), entry]));
  return next.rules.every((entry) => isDeepStrictEqual(before.get(JSON.stringify([entry.rule.hostname, entry.rule.path ?? null])), entry));
}

/** Whether publishing `next` would change nothing that anybody can see or that a later change relies on. */
export function saysTheSame(current: Revision, next: Revision): boolean {
  return current.configHash === next.configHash
    && current.tunnelId === next.tunnelId
    && current.domain === next.domain
    && isDeepStrictEqual(current.rules, next.rules)
    && isDeepStrictEqual(current.setAside, next.setAside)
    && isDeepStrictEqual(current.addresses.map(ownership), next.addresses.map(ownership));
}

/** When an address was seen does not matter; whose it is does. */
const ownership = ({ deviceId, address, mac }: RecordedAddress): readonly unknown[] => [deviceId, address, mac];

/** The names that a revision publishes, each once. */
export const hostnamesOf = (revision: Revision): readonly string[] => [...new Set(revision.rules.map(({ rule }) => rule.hostname))];
