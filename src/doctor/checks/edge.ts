import { checkNetwork } from '../../cloudflared/network.js';
import { fail, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const NAME = 'edge';

/** Whether a connector could connect: a TCP connection to one address of the edge. */
export async function checkEdge({ edge, signal }: Pick<DoctorScope, 'edge' | 'signal'>): Promise<Check> {
  const where = edge.length === 0 ? "Cloudflare's edge (TCP port 7844)" : [...new Set(edge)].join(', ');
  return (await checkNetwork(edge, signal)) === 'up' ? pass(NAME, `${where} can be reached`) : fail(NAME, 'EDGE_UNREACHABLE', `${where} cannot be reached.`);
}
