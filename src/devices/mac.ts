const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/** In lower case; undefined for what is no address of one Ethernet interface: other lengths, groups, nothing but zeros. */
export function parseMac(text: string): string | undefined {
  const mac = text.toLowerCase();
  if (!MAC.test(mac) || mac === '00:00:00:00:00:00') return undefined;
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1 ? undefined : mac;
}
