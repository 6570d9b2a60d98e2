import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

export type InitSystem = 'systemd' | 'openrc' | 'none';

const OPENRC_RUN = ['sbin/openrc-run', 'usr/sbin/openrc-run', 'bin/openrc-run', 'usr/bin/openrc-run'] as const;

/**
 * By what runs, not by what is on PATH: `systemctl` in a container without systemd can do nothing.
 * `root` is where to look, for tests.
 */
export function detectInitSystem(root = '/'): InitSystem {
  if (isDirectory(join(root, 'run/systemd/system'))) return 'systemd';
  const installed = OPENRC_RUN.some((path) => existsSync(join(root, path)));
  // The softlevel is written when OpenRC has booted the machine; the programs alone may be somebody's dependency.
  if (installed && existsSync(join(root, 'run/openrc/softlevel'))) return 'openrc';
  return 'none';
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
