import { isIP } from 'node:net';
import { askResolver } from '../../cloudflared/network.js';
import { isLoopback } from '../../host/proxy.js';
import { fail, note, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const NAME = 'resolver';

/** Whether names can be looked up. Where everything is named by its address it is only a matter of time. */
export async function checkNames({ apiUrl, edge, signal }: Pick<DoctorScope, 'apiUrl' | 'edge' | 'signal'>, servers?: readonly string[]): Promise<Check> {
  if (await askResolver(servers, signal) === 'answers') return pass(NAME, 'names can be looked up');
  const isAddressed = edge.length > 0 && edge.every((address) => isAddress(hostOf(`tcp://${address}`))) && apiUrl !== undefined && isAddress(hostOf(apiUrl));
  if (!isAddressed) return fail(NAME, 'RESOLVER_DEAD', 'No resolver of this machine answers.', 'Check /etc/resolv.conf, and that UDP and TCP port 53 are open to its servers.');
  return note(NAME, 'RESOLVER_DEAD', 'No resolver of this machine answers. API and edge are named by their addresses, so it is not needed; cloudflared waits for it when it starts all the same, up to 30 s.', 'Check /etc/resolv.conf.');
}

const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');

const isAddress = (host: string): boolean => isIP(host) !== 0 || isLoopback(host);
