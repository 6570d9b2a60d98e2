import { readFileSync } from 'node:fs';

/** Of this package, from its own package.json: it stands two directories above, in the sources as in the build. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
