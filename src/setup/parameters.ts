import { isDeepStrictEqual } from 'node:util';
import type { Warning } from '../core/dns.js';
import type { ForwardingRule } from '../core/rule.js';
import type { Secret } from '../core/secret.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import type { Adoption } from './ports.js';

export const DEFAULT_LOGIN_TIMEOUT_MS = 600_000;

/** What a person asks of a setup. */
export interface SetupParameters {
  /** The tunnel's name; absent: the recorded one, else one made of the host. */
  readonly name?: string;
  /** How long a person has to authorise the login. Absent: ten minutes. */
  readonly timeoutMs?: number;
  /** A certificate brought by hand, its content: no login then. */
  readonly certificate?: Secret;
  /** Become one more replica of a tunnel that others run. */
  readonly join?: boolean;
  /** The zone's name, used only where the certificate may not read its zone. */
  readonly domain?: string;
  /** Replace DNS records that are not ours, where the stored rules meet some in the new zone. */
  readonly takeover?: boolean;
  readonly adoption?: Adoption;
}

/** What the journal keeps of the parameters: no secret; what was brought by hand is in the staging directory. */
export type JournalledParameters = Omit<SetupParameters, 'certificate' | 'adoption'> & { readonly adopts?: true };

export interface SetupResult {
  readonly tunnel: TunnelIdentity;
  /** The tunnel was there before: not made by this setup. */
  readonly tunnelExisted: boolean;
  readonly cloudflaredVersion: string;
  readonly revision: number;
  readonly setAside: readonly ForwardingRule[];
  readonly warnings: readonly Warning[];
}

export function journalParameters(parameters: SetupParameters): JournalledParameters {
  const { certificate: _secret, adoption, ...rest } = parameters;
  return adoption === undefined ? rest : { ...rest, adopts: true };
}

/** Same wish: the second asker joins the first. How long each would wait does not matter. */
export function sameParameters(a: SetupParameters, b: SetupParameters): boolean {
  return (
    a.name === b.name &&
    a.domain === b.domain &&
    (a.join ?? false) === (b.join ?? false) &&
    (a.takeover ?? false) === (b.takeover ?? false) &&
    a.certificate?.reveal() === b.certificate?.reveal() &&
    isDeepStrictEqual(a.adoption, b.adoption)
  );
}

/** The parameters that a journal holds; what is not of its type is left out. */
export function readParameters(context: unknown): SetupParameters {
  const fields: Readonly<Record<string, unknown>> = typeof context === 'object' && context !== null ? { ...context } : {};
  const { name, timeoutMs, join, domain, takeover } = fields;
  return {
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof timeoutMs === 'number' ? { timeoutMs } : {}),
    ...(typeof join === 'boolean' ? { join } : {}),
    ...(typeof domain === 'string' ? { domain } : {}),
    ...(typeof takeover === 'boolean' ? { takeover } : {}),
  };
}

/** Whether the setup of this journal takes a tunnel's place instead of making one. */
export const isAdopting = (context: unknown): boolean => typeof context === 'object' && context !== null && 'adopts' in context && context.adopts === true;
