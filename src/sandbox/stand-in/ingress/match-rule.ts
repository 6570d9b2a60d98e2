import type { Ingress, Rule } from './parse-ingress.js';

function matchesHost(pattern: string, hostname: string): boolean {
  return pattern === hostname || (pattern.startsWith('*.') && hostname.endsWith(pattern.slice(1)));
}

function matches(rule: Rule, hostname: string, path: string): boolean {
  const isHost =
    rule.hostname === '' ||
    rule.hostname === '*' ||
    matchesHost(rule.hostname, hostname) ||
    (rule.asciiHostname !== undefined && matchesHost(rule.asciiHostname, hostname));
  return isHost && (rule.pathPattern === undefined || rule.pathPattern.test(path));
}

/** The first rule that matches, and its index. `hostname` may have a port; `path` is decoded and without query. */
export function matchRule(ingress: Ingress, hostname: string, path: string): { readonly rule: Rule; readonly index: number } {
  const name = hostname.replace(/^(\[[^\]]*\]|[^:]*):[^:]*$/u, '$1').replace(/^\[(.*)\]$/u, '$1');
  const found = ingress.rules.findIndex((rule) => matches(rule, name, path));
  const index = found === -1 ? ingress.rules.length - 1 : found;
  const rule = ingress.rules[index];
  if (rule === undefined) throw new Error('An ingress has at least one rule.');
  return { rule, index };
}
