import { join } from 'node:path';

/** The two files that Portacode reads every ten seconds, by their directory. */
export const tunnelFilePath = (stateDir: string): string => join(stateDir, 'cloudflare_tunnel.json');
export const forwardingFilePath = (stateDir: string): string => join(stateDir, 'cloudflare_forwarding.json');

/** What we wrote last of a file: for the fields that are not ours, should it be damaged. */
export const goodCopyOf = (path: string): string => `${path}.good`;

/** Stands in both files when we wrote them; Portacode's own program drops it. */
export const MANAGED_BY = 'cloudflared-supervisor';
export const isOurs = (file: { readonly [key: string]: unknown }): boolean => file['managed_by'] === MANAGED_BY;

/** What somebody else put into an object: kept as it is, after what is ours. */
export function unknownFields(object: { readonly [key: string]: unknown } | undefined, known: ReadonlySet<string>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object ?? {}).filter(([key]) => !known.has(key)));
}
