import { join } from 'node:path';
import type { ForwardingRule } from '../../core/rule.js';
import type { Authority, PortacodeOrigin, Unreadable } from '../findings.js';
import type { Invocation } from '../parse/invocation.js';
import type { Launch } from './launches.js';
import type { SurveyFiles } from './ports.js';

/** The tunnel that Portacode's agent set up, by the two files in which it keeps it. One that we wrote ourselves is none. */
export async function findPortacodeLaunch(stateDir: string, home: string | undefined, authority: Authority, files: SurveyFiles): Promise<Launch | undefined> {
  const unreadable: Unreadable[] = [];
  const readObject = async (name: string): Promise<Readonly<Record<string, unknown>> | undefined> => {
    const path = join(stateDir, name);
    const reading = await files.read(path, authority);
    if (reading.kind === 'refused') unreadable.push(reading.why);
    if (reading.kind !== 'read') return undefined;
    const value = parseObject(reading.text);
    if (value === undefined) unreadable.push({ path, code: 'DOCUMENT_CORRUPT', message: `${path} holds no JSON object`, hint: 'Look at the file.' });
    return value;
  };
  const tunnel = await readObject('cloudflare_tunnel.json');
  const forwarding = await readObject('cloudflare_forwarding.json');
  const ref = text(tunnel?.['tunnel_id']) ?? text(tunnel?.['tunnel_name']);
  if (tunnel === undefined || tunnel['managed_by'] !== undefined || ref === undefined) return undefined;

  const flags = new Map<string, string>();
  for (const [flag, key] of [['config', 'config_path'], ['credentials-file', 'credentials_file'], ['token-file', 'token_file'], ['origincert', 'cert_path']] as const) {
    const path = text(tunnel[key]);
    // Of a stale file of its own the agent still runs; here the credentials count.
    if (path !== undefined && !(flag === 'token-file' && flags.has('credentials-file'))) flags.set(flag, path);
  }
  const invocation: Invocation = { kind: 'run', tunnelRef: ref, flags };
  const origin: PortacodeOrigin = { kind: 'portacode', file: join(stateDir, 'cloudflare_tunnel.json'), tunnelName: text(tunnel['tunnel_name']), domain: text(tunnel['domain']), ...readRules(forwarding) };
  return { origin, authority, invocation, home, directory: stateDir, unreadable };
}

function readRules(forwarding: Readonly<Record<string, unknown>> | undefined): Pick<PortacodeOrigin, 'rules' | 'addresses'> {
  const list: unknown = forwarding?.['rules'];
  const rules: ForwardingRule[] = [];
  const addresses = new Map<string, string>();
  for (const item of Array.isArray(list) ? (list as unknown[]) : []) {
    if (typeof item !== 'object' || item === null) continue;
    const fields = item as Readonly<Record<string, unknown>>;
    const hostname = text(fields['hostname']) ?? text(fields['host']) ?? text(fields['domain']);
    const destination = text(fields['destination']) ?? text(fields['service']);
    if (hostname === undefined || destination === undefined) continue;
    rules.push({ hostname, destination });
    const address = text(fields['resolved_ip']);
    if (address !== undefined) addresses.set(destination, address);
  }
  return { rules, addresses };
}

function parseObject(content: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(content);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined; // Said by the caller, who knows the file.
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined);
