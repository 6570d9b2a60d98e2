import { readFileSync } from 'node:fs';
import { packageFile } from './package-files.js';

/** Of this package, from its own package.json. */
export function packageVersion(): string {
  const text = readFileSync(packageFile('package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
