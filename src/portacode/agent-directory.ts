import { isAbsolute, join } from 'node:path';
import type { Environment } from '../host/child-environment.js';

/**
 * Where the agent that started us reads its state files: as its Python finds it, by its variables and then the passwd
 * database. `home`: from there; undefined where the uid has no entry.
 */
export function agentDirectory(env: Environment, home: string | undefined): string | undefined {
  const xdg = env['XDG_CONFIG_HOME']?.trim() ?? '';
  if (isAbsolute(xdg)) return join(xdg, 'portacode');
  const ownHome = env['HOME'] ?? '';
  if (isAbsolute(ownHome)) return join(ownHome, '.config', 'portacode');
  return home === undefined ? undefined : join(home, '.config', 'portacode');
}
