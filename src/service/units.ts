import { readFileSync } from 'node:fs';
import { SupervisorError } from '../core/errors.js';
import type { UserIds } from '../host/as-user.js';
import { detectInitSystem, type InitSystem } from '../host/init-system.js';
import { builtFile } from '../host/package-files.js';
import { errnoOf, toStorageError } from '../host/storage-error.js';
import type { InitDriver } from './driver.js';
import { openrcScript } from './openrc.js';
import type { Scope } from './service-spec.js';
import { systemUnit, userUnit } from './systemd.js';
import { parseMarker, type UnitMarker } from './unit-marker.js';

/** Whose unit it is about. */
export interface UnitOwner {
  readonly user: UserIds;
  readonly baseDir: string;
}

export interface InstalledUnit {
  readonly driver: InitDriver;
  readonly marker: UnitMarker;
}

/** cron's PATH seldom has Node. */
const UP = `${process.execPath} ${builtFile('cli/main')} up`;

const NO_INIT = `Without one:
  - \`cloudflared-supervisor up\` starts the daemon in the background, and does nothing where it serves already;
  - two lines of \`crontab -e\` keep it up: \`@reboot ${UP}\` and \`* * * * * ${UP}\`;
  - \`cloudflared-supervisor run\` serves in the foreground, for any other supervisor of processes;
  - in a container, init-scripts/container-entrypoint.sh of this package is the entry point.`;

/**
 * Where our unit would go.
 * @throws SupervisorError SERVICE_UNSUPPORTED
 */
export function chooseDriver({ user, baseDir }: UnitOwner, scope: Scope = 'system', init: InitSystem = detectInitSystem()): InitDriver {
  if (process.platform !== 'linux') throw new SupervisorError('SERVICE_UNSUPPORTED', `On ${process.platform} there is no service; \`cloudflared-supervisor up\` starts the daemon in the background`);
  const driver = driversOf(init, { user, baseDir }).find((one) => one.scope === scope);
  if (driver !== undefined) return driver;
  if (init === 'none') throw new SupervisorError('SERVICE_UNSUPPORTED', 'Neither systemd nor OpenRC runs here', { hint: NO_INIT });
  throw new SupervisorError('SERVICE_UNSUPPORTED', 'OpenRC keeps services of the machine only', { hint: 'Leave out --scope user, or use `cloudflared-supervisor up`.' });
}

/** The unit of ours that serves this base directory; of the machine first, and then the user's own. */
export function findUnit(owner: UnitOwner, scope?: Scope, init: InitSystem = detectInitSystem()): InstalledUnit | undefined {
  for (const driver of driversOf(init, owner)) {
    if (scope !== undefined && driver.scope !== scope) continue;
    const marker = readMarker(driver.unitFile);
    if (marker !== undefined && marker !== 'foreign' && isFor(marker, owner)) return { driver, marker };
  }
  return undefined;
}

/** @throws SupervisorError SERVICE_MISSING */
export function requireUnit(owner: UnitOwner, scope?: Scope): InstalledUnit {
  const unit = findUnit(owner, scope);
  if (unit !== undefined) return unit;
  // Says why there can be none, where there can be none.
  chooseDriver(owner, scope);
  throw new SupervisorError('SERVICE_MISSING', `No unit of ours is installed for ${owner.user.name} and ${owner.baseDir}`);
}

/**
 * There is one unit of our name on a machine: another user's, or somebody else's, is not overwritten.
 * @throws SupervisorError SERVICE_FOREIGN
 */
export function refuseForeignUnit({ unitFile }: InitDriver, owner: UnitOwner): void {
  const marker = readMarker(unitFile);
  if (marker === undefined) return;
  if (marker === 'foreign') throw new SupervisorError('SERVICE_FOREIGN', `${unitFile} was not written by us`);
  if (!isFor(marker, owner)) throw new SupervisorError('SERVICE_FOREIGN', `${unitFile} serves ${marker.user} with ${marker.baseDir}`, { hint: `Remove it with \`cloudflared-supervisor service remove --user ${marker.user} --base-dir ${marker.baseDir}\`, or use --scope user.` });
}

function driversOf(init: InitSystem, { user, baseDir }: UnitOwner): readonly InitDriver[] {
  if (init === 'systemd') return [systemUnit(user), userUnit(user, baseDir)];
  return init === 'openrc' ? [openrcScript(user, baseDir)] : [];
}

const isFor = (marker: UnitMarker, { user, baseDir }: UnitOwner): boolean => marker.user === user.name && marker.baseDir === baseDir;

/** `foreign`: there is a file, and it is not one of ours. */
function readMarker(path: string): UnitMarker | 'foreign' | undefined {
  try {
    return parseMarker(readFileSync(path, 'utf8')) ?? 'foreign';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw toStorageError(error, path, 'read');
  }
}
