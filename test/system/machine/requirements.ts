import { spawnSync } from 'node:child_process';

/** What this machine cannot do of what a test needs, in words; undefined where it can do all of it. */
export type Lack = string | undefined;

const succeeds = (script: string): boolean => spawnSync('/bin/sh', ['-c', script], { stdio: 'ignore', timeout: 20_000 }).status === 0;

const lacksPrograms = (...programs: readonly string[]): Lack => {
  const missing = programs.filter((program) => !succeeds(`command -v ${program}`));
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
};

const isRoot = (): Lack => (process.geteuid?.() === 0 ? undefined : 'needs root');

const namespaces = (): Lack =>
  succeeds('unshare --mount --pid --fork --kill-child --mount-proc sh -c "mount -t tmpfs tmpfs /mnt"') ? undefined : 'no namespaces can be made here';

const first = (...lacks: readonly (() => Lack)[]): Lack => {
  for (const lack of lacks) {
    const found = lack();
    if (found !== undefined) return found;
  }
  return undefined;
};

/** For a machine of kind `host`. */
export const lacksForHost = (): Lack => first(isRoot, () => lacksPrograms('unshare', 'nsenter', 'mount'), namespaces);

export const lacksForSudo = (): Lack => first(lacksForHost, () => lacksPrograms('sudo'));

/** For machines made of Debian's packages. */
export const lacksForImage = (): Lack => first(lacksForHost, () => lacksPrograms('mmdebstrap'));

export const lacksForBooted = (): Lack => first(lacksForImage, () => lacksPrograms('systemd-nspawn'));

export const lacksForBusybox = (): Lack => first(lacksForHost, () => lacksPrograms('busybox', 'ldd'));

export const lacksProgram = (program: string): Lack => lacksPrograms(program);
