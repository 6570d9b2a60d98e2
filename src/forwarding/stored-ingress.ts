import type { IngressRule } from '../core/ingress.js';
import type { Revision } from '../core/revision.js';
import type { DeviceAddress } from '../core/rule.js';
import type { WithdrawnAddress } from './change.js';
import type { AddressResolver } from './ports.js';
import { toIngress } from './render.js';
import { resolveRules } from './resolve.js';
import { validateRules } from './validate.js';

/** What a revision recorded, seen through the same stages as a new one. */

/** Devices at the addresses that a revision recorded: nobody is asked, so it is there at once. */
export function recordedResolver(revision: Revision): AddressResolver {
  const answers = new Map<string, DeviceAddress>(revision.addresses.map(({ deviceId, address, mac }) => [deviceId, { kind: 'found', address, mac, source: 'lease' }]));
  return { resolve: async () => answers };
}

/** The ingress rules that the revision's connector runs. */
export async function readStoredIngress(revision: Revision): Promise<readonly IngressRule[]> {
  const validated = await validateRules(revision.rules.map(({ rule }) => rule), { zone: revision.domain, outsideZone: 'set-aside' });
  return toIngress(await resolveRules(validated, recordedResolver(revision), { recorded: revision.addresses, now: revision.createdAt }));
}

/** Whether the revision's connector sends requests for one of these devices to the address that it had. */
export function servesAddress(revision: Revision, withdrawn: readonly WithdrawnAddress[]): boolean {
  return revision.addresses.some((recorded) => withdrawn.some(({ deviceId, address }) => recorded.deviceId === deviceId && recorded.address === address));
}
