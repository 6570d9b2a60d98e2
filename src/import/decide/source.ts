import { firstDifference, type IngressRule } from '../../core/ingress.js';
import type { Finding } from '../findings.js';
import { mergeOptions, readOldOptions } from './origin-options.js';
import type { IngressSource } from './rules.js';

/** Where a tunnel's rules are, and which of several findings counts. */

/** What runs says it best; then what would be started; then what Portacode wrote down; then files that nobody uses. */
const RANK: Readonly<Record<Finding['origin']['kind'], number>> = { process: 0, service: 1, portacode: 2, files: 3 };

export const byWeight = (findings: readonly Finding[]): readonly Finding[] =>
  findings.toSorted((a, b) => RANK[a.origin.kind] - RANK[b.origin.kind] || weight(a) - weight(b));

/** What starts at boot before what does not; a configuration before credentials that lie about alone. */
const weight = ({ origin, config }: Finding): number => ((origin.kind === 'service' && origin.enabledBy.length === 0) || (origin.kind === 'files' && config === undefined) ? 1 : 0);

/** A list in the file, or the one service of the command line or the file. Undefined where there is neither. */
export function ingressOf({ config, settings }: Finding): IngressSource | undefined {
  if (config?.value.ingress !== undefined && config.value.ingress.length > 0) return { entries: config.value.ingress, originRequest: config.value.originRequest };
  const service = singleService(settings);
  return service === undefined ? undefined : { entries: [{ hostname: '', path: '', service, originRequest: {} }], originRequest: readOldOptions(settings) };
}

function singleService(settings: ReadonlyMap<string, string>): string | undefined {
  const isSet = (name: string): boolean => settings.get(name) === 'true';
  if (isSet('hello-world')) return 'hello_world';
  if (isSet('bastion')) return 'bastion';
  const socket = settings.get('unix-socket');
  return settings.get('url') ?? (socket === undefined ? undefined : `unix:${socket}`);
}

/**
 * Cloudflare has the rules: the connector says that it was sent some, or it was started without any. Whoever was
 * started without any and says that it was sent none has none.
 */
export function isRemote(finding: Finding): boolean {
  const version = finding.live?.configVersion;
  if (version !== undefined) return version >= 0;
  const isMeantToRun = finding.origin.kind === 'process' || finding.origin.kind === 'service';
  return isMeantToRun && ingressOf(finding) === undefined && !hidesItsConfig(finding);
}

/** There may be rules in a file that could not be read. */
export const hidesItsConfig = ({ config, unreadable }: Finding): boolean => config === undefined && unreadable.length > 0;

/**
 * What of a running connector's rules is not as its file says now: the file is not read again while it runs. `led` is
 * about where requests are led; `asked` about how origins are asked.
 */
export function driftOf(finding: Finding): { readonly kind: 'led' | 'asked'; readonly difference: string } | undefined {
  const source = ingressOf(finding);
  const shown = finding.live?.ingress;
  if (source === undefined || !Array.isArray(shown)) return undefined;
  const expected = source.entries.map(({ hostname, path, service, originRequest }): IngressRule => ({
    ...(hostname === '' ? {} : { hostname }),
    ...(path === '' ? {} : { path }),
    service: service === 'hello-world' ? 'hello_world' : service,
    originRequest: { ...mergeOptions(source.originRequest, originRequest).options },
  }));
  const led = firstDifference(expected.map(withoutOptions), shown.map((rule: unknown) => (typeof rule === 'object' && rule !== null ? withoutOptions(rule) : rule)));
  if (led !== undefined) return { kind: 'led', difference: led };
  const asked = firstDifference(expected, shown);
  return asked === undefined ? undefined : { kind: 'asked', difference: asked };
}

function withoutOptions<T extends object>(rule: T): Omit<T, 'originRequest'> {
  const { originRequest: _asked, ...led } = rule as T & { readonly originRequest?: unknown };
  return led;
}
