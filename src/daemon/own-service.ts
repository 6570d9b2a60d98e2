import type { findUnit as FindUnit } from '../service/units.js';
import type { ProcessContext } from './process-context.js';

/** Where to look, for tests; else this machine. */
interface Machine {
  readonly pid?: number;
  readonly find?: typeof FindUnit;
}

/**
 * Whether an init system keeps this daemon: our unit is installed for it, or this very process is what a unit of systemd
 * runs. What a unit leaves in the environment says less: whatever the unit of an agent starts inherits it.
 */
export async function isKeptByService({ identity, places, environment }: Pick<ProcessContext, 'identity' | 'environment'> & { readonly places: { readonly baseDir: string } }, machine: Machine = {}): Promise<boolean> {
  if (environment['SYSTEMD_EXEC_PID'] === String(machine.pid ?? process.pid)) return true;
  try {
    const find = machine.find ?? (await import('../service/units.js')).findUnit;
    return find({ user: identity, baseDir: places.baseDir }) !== undefined;
  } catch {
    return false; // A unit that this user may not read is not known to be ours.
  }
}
