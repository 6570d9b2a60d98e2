import { SupervisorError } from '../core/errors.js';
import { isAtLeast, MINIMUM_VERSION } from '../cloudflared/version.js';

/** One file that holds a cloudflared, and what is said of it. */
export interface Release {
  /** Undefined where nobody says: of a file that was named. */
  readonly version: string | undefined;
  /** `https:`, `http:` or `file:`. */
  readonly url: URL;
  /** Each must hold. None: nobody says. */
  readonly checksums: readonly PublishedChecksum[];
}

export interface PublishedChecksum {
  /** Lower-case hex. */
  readonly sha256: string;
  /** Who says so, for people. */
  readonly source: string;
}

/** What is to be installed. */
export interface ReleaseRequest {
  /** Undefined: the newest. */
  readonly version?: string | undefined;
  /** In place of Cloudflare: see mirror.ts for what it holds. */
  readonly mirror?: URL | undefined;
  /** This file, and no release: a path, or an http or https URL. */
  readonly from?: URL | undefined;
  /** What the user knows of it: must hold too. */
  readonly sha256?: string | undefined;
}

/** Year, month, number. */
const VERSION = /^\d{4}\.\d{1,2}\.\d{1,4}$/;

export const isReleaseVersion = (text: string): boolean => VERSION.test(text);

/** @throws SupervisorError OPTION_INVALID, BINARY_TOO_OLD */
export function checkVersion(version: string): void {
  if (!isReleaseVersion(version)) throw new SupervisorError('OPTION_INVALID', `${JSON.stringify(version.slice(0, 40))} is not a version of cloudflared, such as 2026.8.2.`);
  if (!isAtLeast(version, MINIMUM_VERSION)) {
    throw new SupervisorError('BINARY_TOO_OLD', `cloudflared ${version} is too old; ${MINIMUM_VERSION} or newer is needed.`, { hint: 'Name a newer version, or leave --version out.' });
  }
}
