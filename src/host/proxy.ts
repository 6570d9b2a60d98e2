import { isIP, BlockList, type IPVersion } from 'node:net';
import { SupervisorError } from '../core/errors.js';
import { readEitherCase, type Environment } from './child-environment.js';

/**
 * Which proxy a request goes through, by the rules of Go: cloudflared is under the same variables, and both must take
 * the same way. `HTTPS_PROXY` is for https alone, without falling back to `HTTP_PROXY`.
 */
export type ChooseProxy = (origin: URL) => URL | undefined;

/** @throws SupervisorError OPTION_INVALID where a variable is no proxy URL. */
export function proxyChooser(env: Environment): ChooseProxy {
  const http = readProxy(env, 'HTTP_PROXY');
  const https = readProxy(env, 'HTTPS_PROXY');
  const excepted = parseNoProxy(readEitherCase(env, 'NO_PROXY') ?? '');
  return (origin) => {
    const proxy = origin.protocol === 'https:' ? https : http;
    if (proxy === undefined) return undefined;
    const host = bareHost(origin);
    return isLoopback(host) || excepted(host, origin.port || (origin.protocol === 'https:' ? '443' : '80')) ? undefined : proxy;
  };
}

/** `localhost`, what ends in `.localhost`, 127.0.0.0/8 and ::1: a proxy could only reach itself there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

const PROXY_PROTOCOLS = ['http:', 'https:', 'socks5:'];

function readProxy(env: Environment, name: 'HTTP_PROXY' | 'HTTPS_PROXY'): URL | undefined {
  const text = readEitherCase(env, name);
  if (text === undefined) return undefined;
  const url = text.includes('://') ? text : `http://${text}`;
  // The value is not shown: it may hold a password.
  if (!URL.canParse(url) || !PROXY_PROTOCOLS.includes(new URL(url).protocol))
    throw new SupervisorError('OPTION_INVALID', `${name} is not the URL of an http, https or socks5 proxy`, { hint: 'Write it as http://host:port.' });
  return new URL(url);
}

function bareHost(origin: URL): string {
  return origin.hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

type Excepts = (host: string, port: string) => boolean;

/** Entries are names (with all below them), `.names` (only what is below), addresses, networks, `*`; each may have a port. */
function parseNoProxy(text: string): Excepts {
  const entries = text.split(',').map((entry) => entry.trim().toLowerCase()).filter((entry) => entry !== '').map(parseEntry);
  return (host, port) => entries.some((excepts) => excepts(host, port));
}

function parseEntry(entry: string): Excepts {
  if (entry === '*') return () => true;
  const network = parseNetwork(entry);
  if (network !== undefined) return network;
  const { name, port } = splitPort(entry);
  const suffix = name.replace(/^\*?(?=\.)/, '');
  return (host, asked) => {
    if (port !== undefined && port !== asked) return false;
    return suffix.startsWith('.') ? host.endsWith(suffix) : host === suffix || (isIP(host) === 0 && host.endsWith(`.${suffix}`));
  };
}

function parseNetwork(entry: string): Excepts | undefined {
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const family = familyOf(address);
  if (family === undefined || Number(prefix) > (family === 'ipv4' ? 32 : 128)) return undefined;
  const network = new BlockList();
  network.addSubnet(address, Number(prefix), family);
  return (host) => {
    const asked = familyOf(host);
    return asked !== undefined && network.check(host, asked);
  };
}

function familyOf(address: string): IPVersion | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}

/** `name:port`, `[v6]:port`, `[v6]`, `v6`, `name`. */
function splitPort(entry: string): { readonly name: string; readonly port: string | undefined } {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  if (bracketed !== null) return { name: bracketed[1] ?? '', port: bracketed[2] };
  if (isIP(entry) === 6) return { name: entry, port: undefined };
  const [, name = entry, port] = /^(.+?)(?::(\d+))?$/.exec(entry) ?? [];
  return { name, port };
}
