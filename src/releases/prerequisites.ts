import { SupervisorError } from '../core/errors.js';
import type { CaBundle } from '../host/ca-bundle.js';
import type { Environment } from '../host/child-environment.js';
import { runPrivileged } from '../host/privileged.js';
import type { Argv } from '../host/run-program.js';
import { findSystemProgram } from '../host/system-program.js';

/** What the package manager is asked for: certificates of authorities, which cloudflared needs and slim images lack. */
const PACKAGES = ['ca-certificates'] as const;

interface PackageManager {
  readonly program: string;
  readonly install: readonly string[];
  /** Where it first has to learn what there is; tried only if the installation fails without. */
  readonly refresh?: readonly string[];
}

/** In the order they are looked for: where two are there, the first is the system's own. None of them asks anything. */
const PACKAGE_MANAGERS: readonly PackageManager[] = [
  { program: 'apk', install: ['add', '--no-cache'] },
  { program: 'apt-get', install: ['install', '-y', '-q', '--no-install-recommends'], refresh: ['update', '-q'] },
  { program: 'dnf', install: ['install', '-y', '-q'] },
  { program: 'yum', install: ['install', '-y', '-q'] },
  { program: 'zypper', install: ['--non-interactive', '--quiet', 'install'] },
];

/** Package lists and mirrors can be slow. */
const INSTALL_TIMEOUT_MS = 300_000;

export interface PrerequisiteReport {
  readonly outcome: 'present' | 'installed' | 'planned';
  readonly packages: readonly string[];
  /** As it was, or would be, run as root. */
  readonly command: readonly string[] | null;
}

export interface PrerequisiteOptions {
  readonly env: Environment;
  readonly dryRun: boolean;
  readonly findBundle: () => CaBundle | undefined;
  /** For tests; else where the system's programs are. */
  readonly findProgram?: (name: string) => string | undefined;
}

/**
 * CA certificates, by the package manager of this machine, as root or by sudo.
 * @throws SupervisorError PACKAGE_MANAGER_MISSING, PRIVILEGE_*, PRIVILEGED_COMMAND_*
 */
export async function installPrerequisites({ env, dryRun, findBundle, findProgram = findSystemProgram }: PrerequisiteOptions): Promise<PrerequisiteReport> {
  if (findBundle() !== undefined) return { outcome: 'present', packages: PACKAGES, command: null };
  const { program, manager } = findManager(findProgram);
  const command: Argv = [program, ...manager.install, ...PACKAGES];
  if (dryRun) return { outcome: 'planned', packages: PACKAGES, command };
  const asRoot = async (argv: Argv): Promise<void> => void (await runPrivileged(argv, { timeoutMs: INSTALL_TIMEOUT_MS, env }));
  try {
    await asRoot(command);
  } catch (error) {
    if (manager.refresh === undefined || !(error instanceof SupervisorError) || error.code !== 'PRIVILEGED_COMMAND_FAILED') throw error;
    await asRoot([program, ...manager.refresh]);
    await asRoot(command);
  }
  return { outcome: 'installed', packages: PACKAGES, command };
}

function findManager(findProgram: (name: string) => string | undefined): { readonly program: string; readonly manager: PackageManager } {
  for (const manager of PACKAGE_MANAGERS) {
    const program = findProgram(manager.program);
    if (program !== undefined) return { program, manager };
  }
  throw new SupervisorError('PACKAGE_MANAGER_MISSING', `None of ${PACKAGE_MANAGERS.map(({ program }) => program).join(', ')} is on this machine, to install ${PACKAGES.join(', ')}.`);
}
