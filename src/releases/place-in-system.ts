import { basename, dirname, join } from 'node:path';
import type { Warning } from '../core/dns.js';
import { SupervisorError, toSupervisorError } from '../core/errors.js';
import type { Environment } from '../host/child-environment.js';
import { runPrivileged } from '../host/privileged.js';
import type { Argv } from '../host/run-program.js';
import { findSystemProgram } from '../host/system-program.js';
import { discardStaged, type StagedBinary } from './stage-binary.js';

/** Where `install --to system` puts it. */
export const SYSTEM_BINARY = '/usr/local/bin/cloudflared';

const PLACE_TIMEOUT_MS = 60_000;

/**
 * Puts the staged binary into a directory of root's, by sudo or doas: beside its place with `install`, then into it with
 * `mv`, so that there always is a whole one. Who may run `install` alone, as some sudoers files have it, gets it in place
 * with that; then for a moment there is none, which is said. The staged one is gone afterwards.
 * @throws SupervisorError PRIVILEGE_*, PRIVILEGED_COMMAND_*, DISK_FULL
 */
export async function placeInSystem(staged: StagedBinary, target: string, env: Environment): Promise<readonly Warning[]> {
  const beside = join(dirname(target), `.${basename(target)}.new`);
  const asRoot = async (name: string, ...argv: readonly string[]): Promise<void> => {
    const command: Argv = [systemProgram(name), ...argv];
    await runPrivileged(command, { timeoutMs: PLACE_TIMEOUT_MS, env });
  };
  const install = async (from: string, to: string): Promise<void> => await asRoot('install', '-m', '0755', '-o', '0', '-g', '0', from, to);
  let isBeside = false;
  try {
    try {
      await install(staged.path, beside);
      isBeside = true;
      await asRoot('mv', '-f', beside, target);
      return [];
    } catch (thrown) {
      const failure = toSupervisorError(thrown);
      if (!isRefusal(failure)) {
        await asRoot('rm', '-f', beside).catch(() => undefined); // The failure is what counts.
        throw fullOr(failure);
      }
    }
    await install(staged.path, target);
    const warnings = [{ code: 'NOT_AT_ONCE', message: '`mv` may not be run as root, so it could not be put in place at once: for a moment there was none.' }];
    if (!isBeside || (await asRoot('rm', '-f', beside).then(() => true, () => false))) return warnings;
    // Who may only install can at least make it small.
    await install('/dev/null', beside).catch(() => undefined);
    return [...warnings, { code: 'FILE_LEFT', message: `${beside} is left, since \`rm\` may not be run as root either: remove it.` }];
  } finally {
    await discardStaged(staged);
  }
}

/** This user may not run that command, though perhaps another. */
const isRefusal = ({ code }: SupervisorError): boolean => code.startsWith('PRIVILEGE_');

/** `install` says it in its own words. */
const fullOr = (failure: SupervisorError): SupervisorError => (/No space left on device/i.test(failure.message) ? new SupervisorError('DISK_FULL', failure.message, { cause: failure }) : failure);

function systemProgram(name: string): string {
  const path = findSystemProgram(name);
  if (path === undefined) throw new SupervisorError('PRIVILEGED_COMMAND_FAILED', `This machine has no program \`${name}\` where the system's programs are.`);
  return path;
}
