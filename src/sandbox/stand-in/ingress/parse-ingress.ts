import { domainToASCII } from 'node:url';

import type { Config, IngressRuleConfig } from '../config/config.js';
import { Failure, messageOf } from '../failure.js';
import { DEFAULT_ORIGIN_OPTIONS, overrideOptions, type OriginOptions } from './origin-options.js';
import { translatePattern } from './re2.js';
import { parseService, type Service } from './service.js';

/** One rule, ready to be matched. */
export interface Rule {
  /** As written; empty matches all. */
  readonly hostname: string;
  /** Its ASCII form, where that is another name. */
  readonly asciiHostname: string | undefined;
  /** As written; empty matches all. */
  readonly path: string;
  readonly pathPattern: RegExp | undefined;
  readonly service: Service;
  readonly options: OriginOptions;
}

export interface Ingress {
  /** At least one; the last matches everything. */
  readonly rules: readonly Rule[];
  readonly defaults: OriginOptions;
}

/** There is not one rule in the file: an error to `ingress validate`, nothing to `run`. */
export class NoIngressRules extends Failure {
  override readonly name = 'NoIngressRules';

  constructor() {
    super("The config file doesn't contain any ingress rules");
  }
}

const isCatchAll = (rule: Partial<IngressRuleConfig>): boolean => ['', '*'].includes(rule.hostname ?? '') && (rule.path ?? '') === '';

/** `host:port` or `[v6]:port` by Go's net.SplitHostPort. */
const HAS_PORT = /^(?:[^:[\]]*|\[[^[\]]*\]):[^:[\]]*$/u;

function checkHostname(rule: Partial<IngressRuleConfig>, index: number, count: number): void {
  const hostname = rule.hostname ?? '';
  if (HAS_PORT.test(hostname)) throw new Failure('Hostname cannot contain a port');
  if (hostname.lastIndexOf('*') > 0) {
    throw new Failure('Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, e.g. "*.example.com"');
  }
  const isLast = index === count - 1;
  if (isLast && !isCatchAll(rule)) throw new Failure('The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)');
  if (!isLast && isCatchAll(rule)) {
    throw new Failure(
      `Rule #${index + 1} is matching the hostname '${hostname}', but this will match every hostname, meaning the rules which follow it will never be triggered.`,
    );
  }
}

function checkAccess(rule: Partial<IngressRuleConfig>): void {
  const access = rule.originRequest?.access;
  if (access?.required !== true) return;
  if ((access.teamName ?? '') === '' && (access.audTag ?? []).length > 0) {
    throw new Failure('access.TeamName cannot be blank when access.audTags are present');
  }
}

/** Lower-cased and in ASCII; undefined where it is that already or cannot be put so (a wildcard cannot). */
function asciiOf(hostname: string): string | undefined {
  if (/[*_\s]/u.test(hostname)) return undefined;
  const ascii = domainToASCII(hostname);
  return ascii === '' || ascii === hostname ? undefined : ascii;
}

function compilePath(path: string, index: number): RegExp | undefined {
  if (path === '') return undefined;
  try {
    return translatePattern(path);
  } catch (error) {
    throw new Failure(`Rule #${index + 1} has an invalid regex: ${messageOf(error)}`);
  }
}

/** Throws a Failure with cloudflared's words; the first problem is the only one. */
export function parseIngress(config: Config): Ingress {
  if (config.ingress.length === 0) throw new NoIngressRules();
  const defaults = overrideOptions(DEFAULT_ORIGIN_OPTIONS, config.originRequest);
  const rules = config.ingress.map((rule, index): Rule => {
    const merged = overrideOptions(defaults, rule.originRequest ?? {});
    const service = parseService(rule.service ?? '', merged.bastionMode);
    checkAccess(rule);
    checkHostname(rule, index, config.ingress.length);
    return {
      hostname: rule.hostname ?? '',
      asciiHostname: isCatchAll(rule) ? undefined : asciiOf(rule.hostname ?? ''),
      path: rule.path ?? '',
      pathPattern: compilePath(rule.path ?? '', index),
      service,
      options: service.kind === 'bastion' ? { ...merged, bastionMode: true } : merged,
    };
  });
  return { rules, defaults };
}
