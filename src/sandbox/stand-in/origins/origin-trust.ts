import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { SecureContextOptions } from 'node:tls';

import { goPathError } from '../config/load-config.js';
import { Failure } from '../failure.js';
import type { OriginOptions } from '../ingress/origin-options.js';
import { systemRoots } from '../net/system-roots.js';

/** How an `https` origin proves who it is. */
export interface OriginTrust extends Pick<SecureContextOptions, 'ca'> {
  readonly rejectUnauthorized: boolean;
}

/** The system's roots, and the pool of the rule besides. Throws a Failure where that cannot be read, needed or not. */
export function readOriginTrust(service: string, isSecure: boolean, options: OriginOptions): OriginTrust {
  let pool = '';
  if (options.caPool !== '') {
    try {
      pool = readFileSync(options.caPool, 'utf8');
    } catch (error) {
      throw new Failure(
        `failed to start origin: Error starting local service ${service}: Error loading cert pool: ` +
          `unable to read the file ${options.caPool} for --origin-ca-pool: ${goPathError('open', options.caPool, error)}`,
      );
    }
  }
  if (!isSecure) return { rejectUnauthorized: true };
  const roots = [systemRoots(), pool].filter((text) => text !== '').join('\n');
  return { ca: roots === '' ? [] : roots, rejectUnauthorized: !options.noTLSVerify };
}

/** The name that the origin's certificate must hold; TLS itself names no IP address. */
export function serverNameFor(options: OriginOptions, originHost: string, requestHost: string): string {
  if (options.originServerName !== '') return options.originServerName;
  const host = options.matchSNItoHost ? requestHost.replace(/:\d+$/u, '') : originHost;
  return isIP(host) === 0 ? host : '';
}
