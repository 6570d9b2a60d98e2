import { arch, platform } from 'node:process';

/** The cloudflared whose behaviour this program has. */
export const VERSION = '2026.8.2';
const BUILT_AT = '2026-08-21T00:00UTC';

/** Stands where a FIPS build says `FIPS`: whoever looks at the version sees that this is not the real program. */
export const BUILD_TYPE = 'stand-in';

export const versionText = (version: string): string => `${version} (built ${BUILT_AT} with ${BUILD_TYPE})`;

export const userAgent = (version: string): string => `cloudflared/${version}`;

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** As Go names it: `linux_amd64`. */
export const osArch = (): string => `${platform}_${GO_ARCHITECTURES[arch] ?? arch}`;
