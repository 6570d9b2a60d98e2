import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * What the build makes a file of its own of, `dist/NAME.js`: the programs, what is loaded by its path in another process,
 * and the library. Everything that they share is in chunks beside them.
 */
export const BUILT = [
  'api/client',
  'bench/main',
  'cli/background-daemon',
  'cli/main',
  'daemon/main',
  'demo/main',
  'host/as-user-child',
  'import/survey/read-as-user',
  'sandbox/stand-in/main',
  'service/user-work',
] as const;

/** The package's own directory: the nearest one above that has a package.json, from the sources and from any chunk. */
const ROOT = findRoot(import.meta.dirname);

function findRoot(directory: string): string {
  return existsSync(join(directory, 'package.json')) || dirname(directory) === directory ? directory : findRoot(dirname(directory));
}

/** The absolute path of a file that the package brings along. */
export const packageFile = (...path: readonly string[]): string => join(ROOT, ...path);

/** The absolute path of what the build made. */
export const builtFile = (name: (typeof BUILT)[number]): string => packageFile('dist', `${name}.js`);
