import { parseDestination } from '../../core/destination.js';
import type { PortacodeOrigin } from '../findings.js';
import type { TakenRule } from './rules.js';

/**
 * Portacode gives cloudflared the address that a device had, and keeps the device beside it. A rule that leads to that
 * very address is taken over as one for the device, so that it follows the device from now on.
 */
export function leadToDevices(taken: readonly TakenRule[], { rules, addresses }: Pick<PortacodeOrigin, 'rules' | 'addresses'>): readonly TakenRule[] {
  return taken.map(({ number, rule }) => {
    const asked = rules.find(({ hostname, destination }) => hostname.toLowerCase() === rule.hostname && leadsTo(destination, addresses.get(destination)) === rule.destination);
    return { number, rule: asked === undefined || rule.path !== undefined ? rule : { ...rule, destination: asked.destination } };
  });
}

/** The rules of the agent alone, where its configuration is not there any more. */
export const rulesAlone = ({ rules }: Pick<PortacodeOrigin, 'rules'>): readonly TakenRule[] => rules.map((rule, index) => ({ number: index + 1, rule }));

function leadsTo(destination: string, address: string | undefined): string | undefined {
  const parsed = parseDestination(destination);
  if (!parsed.ok || parsed.value.destination.kind !== 'device' || address === undefined) return undefined;
  const { scheme, port } = parsed.value.destination;
  const there = parseDestination(`${scheme}://${address}:${port}`);
  return there.ok ? there.value.text : undefined;
}
