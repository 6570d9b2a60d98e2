import { isObject } from '../../core/json.js';

/** cloudflared's configuration, as far as it says what is published. */
export interface ConfigFile {
  readonly tunnel: string | undefined;
  /** In order; undefined where the file has no list. */
  readonly ingress: readonly IngressEntry[] | undefined;
  /** For all rules, where they do not say otherwise. */
  readonly originRequest: OriginRequest;
  /** Everything else at the top: settings that are flags too. */
  readonly settings: ReadonlyMap<string, string>;
}

export type OriginRequest = Readonly<Record<string, unknown>>;

export interface IngressEntry {
  readonly hostname: string;
  /** A regular expression; empty is every path. */
  readonly path: string;
  readonly service: string;
  readonly originRequest: OriginRequest;
}

const CONTENT_KEYS: ReadonlySet<string> = new Set(['tunnel', 'ingress', 'originRequest']);

/** The file, or what is wrong with it: cloudflared would not have started on that either. */
export async function parseConfigFile(text: string): Promise<ConfigFile | { readonly problem: string }> {
  const { parse } = await import('yaml');
  let document: unknown;
  try {
    document = parse(text, { schema: 'core', merge: true, logLevel: 'error' });
  } catch (error) {
    return { problem: `it is not YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '').replace(/:$/, '') : String(error)}` };
  }
  if (document === null) return { tunnel: undefined, ingress: undefined, originRequest: {}, settings: new Map() };
  if (!isObject(document)) return { problem: 'it is not a configuration of cloudflared' };
  const { tunnel, ingress, originRequest } = document;
  if (ingress !== undefined && ingress !== null && !(Array.isArray(ingress) && ingress.every(isObject))) return { problem: 'its ingress is no list of rules' };
  return {
    tunnel: toText(tunnel) === '' ? undefined : toText(tunnel),
    ingress: Array.isArray(ingress) ? ingress.map(toEntry) : undefined,
    originRequest: isObject(originRequest) ? originRequest : {},
    settings: new Map(Object.entries(document).filter(([key]) => !CONTENT_KEYS.has(key)).map(([key, value]) => [key, toText(value)])),
  };
}

function toEntry({ hostname, path, service, originRequest }: Readonly<Record<string, unknown>>): IngressEntry {
  return { hostname: toText(hostname), path: toText(path), service: toText(service), originRequest: isObject(originRequest) ? originRequest : {} };
}

/** A scalar as it was written, near enough; everything else as JSON, for people. */
function toText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
