import { isIPv4, SocketAddress } from 'node:net';

const MAPPED_PREFIX = '::ffff:';

/** An address as people write it, from 4 or 16 bytes; empty for anything else. IPv4 in IPv6 comes out as IPv4. */
export function formatIpAddress(bytes: Uint8Array): string {
  if (bytes.byteLength === 4) return bytes.join('.');
  if (bytes.byteLength !== 16) return '';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2).toString(16));
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') return bytes.subarray(12).join('.');
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** The address of a peer: one that came over IPv4 to a socket of both families loses its prefix. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  const rest = address.startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : address;
  return isIPv4(rest) ? rest : address;
}

/** The 16 bytes in which connectors report an IPv4 address; other addresses are reported as none. */
export function mappedAddressBytes(address: string): Uint8Array {
  if (!isIPv4(address)) return new Uint8Array();
  return Uint8Array.from([...Array.from({ length: 10 }, () => 0), 0xff, 0xff, ...address.split('.').map(Number)]);
}
