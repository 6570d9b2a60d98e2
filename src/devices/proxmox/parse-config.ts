import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { isContainerAddress } from '../../core/container-address.js';
import { parseMac } from '../mac.js';

/** One network interface of a container, as its config has it. */
export interface ContainerNet {
  /** The number in `netN`. */
  readonly index: number;
  readonly mac: string;
  /** Set by hand in the config: IPv4 before IPv6. */
  readonly staticAddresses: readonly string[];
}

/** What we read of a container's config. */
export interface ContainerConfig {
  /** Written by Portacode for this device; undefined where it is not, or where the description names several. */
  readonly deviceId: string | undefined;
  readonly hostname: string | undefined;
  /** By number. */
  readonly nets: readonly ContainerNet[];
  /** It is being created, restored, moved or removed: what is missing in it may come. */
  readonly lock: string | undefined;
}

/** `net0`, `net1`, … stand beside a lot that is not ours to know. */
export const configSchema = z.looseObject({ description: z.string().optional(), hostname: z.string().optional(), lock: z.string().optional() });

export function parseConfig(config: z.output<typeof configSchema>): ContainerConfig {
  const nets = Object.entries(config).flatMap(([key, value]) => {
    const index = /^net(\d{1,2})$/.exec(key)?.[1];
    return index === undefined || typeof value !== 'string' ? [] : parseNet(Number(index), value) ?? [];
  });
  return {
    deviceId: parseDescription(config.description ?? ''),
    hostname: config.hostname,
    nets: nets.toSorted((a, b) => a.index - b.index),
    lock: config.lock,
  };
}

const MARKER = 'portacode-managed:true';

/**
 * The device that a description is of. Its parts stand between semicolons; Proxmox ends it with a newline, and people add
 * lines of their own. One that names two devices is of neither: a part may hold what a tenant typed.
 */
export function parseDescription(description: string): string | undefined {
  if (!description.includes(MARKER)) return undefined;
  const ids = new Set(description.split(/[;\r\n]/).flatMap((part) => /^\s*device_id\s*=(.*)$/.exec(part)?.[1]?.trim() ?? []));
  const [id] = ids;
  return ids.size === 1 && id !== undefined && /^\d{1,20}$/.test(id) ? id : undefined;
}

/** `name=eth0,bridge=vmbr1,hwaddr=…,ip=dhcp,type=veth`. One without a usable MAC, or that says something twice, is none. */
export function parseNet(index: number, text: string): ContainerNet | undefined {
  const values = new Map<string, string>();
  for (const part of text.trim().split(',')) {
    const [, key = '', value = ''] = /^\s*([^=]+?)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    if (values.has(key) && key !== '') return undefined;
    values.set(key, value);
  }
  const mac = parseMac(values.get('hwaddr') ?? '');
  if (mac === undefined || values.get('link_down') === '1') return undefined;
  const addresses = [withoutPrefix(values.get('ip'), isIPv4), withoutPrefix(values.get('ip6'), isIPv6)];
  return { index, mac, staticAddresses: addresses.filter((address) => address !== undefined) };
}

/** `10.10.0.5/24` is 10.10.0.5; `dhcp`, `manual` and `auto` are no addresses, nor is one that no container can have. */
function withoutPrefix(text: string | undefined, isAddress: (text: string) => boolean): string | undefined {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text ?? '') ?? [];
  if (!isAddress(address) || !isContainerAddress(address)) return undefined;
  return prefix === undefined || Number(prefix) <= (address.includes(':') ? 128 : 32) ? address.toLowerCase() : undefined;
}
