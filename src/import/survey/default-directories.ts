import { join } from 'node:path';
import type { Authority } from '../findings.js';

/** A place, and with whose rights we look there. */
export interface Place {
  readonly path: string;
  readonly authority: Authority;
}

/** Where cloudflared looks when it is told nothing, in this order. */
export function defaultDirectories(home: string | undefined, authority: Authority): readonly Place[] {
  const own = home === undefined ? [] : ['.cloudflared', '.cloudflare-warp', 'cloudflare-warp'].map((name) => ({ path: join(home, name), authority }));
  return [...own, ...['/etc/cloudflared', '/usr/local/etc/cloudflared'].map((path) => ({ path, authority: 'root' as const }))];
}

/** Files of this name in directories. */
export const inEach = (directories: readonly Place[], name: string): readonly Place[] => directories.map(({ path, authority }) => ({ path: join(path, name), authority }));
