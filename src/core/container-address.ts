import { BlockList, isIP, isIPv6 } from 'node:net';

const NOBODYS = new BlockList();
NOBODYS.addSubnet('0.0.0.0', 8, 'ipv4');
NOBODYS.addSubnet('127.0.0.0', 8, 'ipv4');
NOBODYS.addSubnet('169.254.0.0', 16, 'ipv4'); // means nothing elsewhere; clouds answer there with what they tell a machine alone
NOBODYS.addSubnet('224.0.0.0', 3, 'ipv4'); // multicast, reserved, broadcast
NOBODYS.addAddress('::', 'ipv6');
NOBODYS.addAddress('::1', 'ipv6');
NOBODYS.addSubnet('fe80::', 10, 'ipv6'); // means nothing without an interface
NOBODYS.addSubnet('ff00::', 8, 'ipv6');
/** IPv4 in disguise. A list of its own: in one list it would match every IPv4 address. */
const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');

/**
 * Whether a container can be served at it. Loopback above all cannot be: a lease file that says 127.0.0.1 must not publish
 * the host itself.
 */
export function isContainerAddress(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false;
  return isIPv6(address) ? !NOBODYS.check(address, 'ipv6') && !MAPPED.check(address, 'ipv6') : !NOBODYS.check(address, 'ipv4');
}
