import { isIP } from 'node:net';
import { z } from 'zod';

/** Both ways in which versions of Proxmox say it. What a container answers is its own claim. */
export const interfacesSchema = z.array(
  z.looseObject({
    inet: z.string().nullish(),
    inet6: z.string().nullish(),
    'ip-addresses': z.array(z.looseObject({ 'ip-address': z.string() })).nullish(),
  }),
).nullish();

/** All addresses of a running container; loopback and link-local ones too, which nobody compares with. */
export function parseInterfaces(interfaces: z.output<typeof interfacesSchema>): ReadonlySet<string> {
  const texts = (interfaces ?? []).flatMap((one) => [one.inet, one.inet6, ...(one['ip-addresses'] ?? []).map((address) => address['ip-address'])]);
  return new Set(texts.flatMap((text) => {
    const address = text?.split('/')[0]?.toLowerCase() ?? '';
    return isIP(address) === 0 ? [] : [address];
  }));
}
