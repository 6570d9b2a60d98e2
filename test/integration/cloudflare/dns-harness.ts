import { createDnsRecords, type CloudflareDnsRecords } from '../../../src/cloudflare/dns-records.js';
import type { DnsLedger, RouteDns, ZoneAccess } from '../../../src/cloudflare/ports.js';
import type { DnsChange, DnsPlan, LedgerEntry, Warning } from '../../../src/core/dns.js';
import type { EventData, EventType } from '../../../src/core/events.js';
import { SupervisorError } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { tunnelTarget } from '../../../src/core/tunnel.js';
import type { DnsRecords } from '../../../src/forwarding/ports.js';
import type { SandboxOptions } from '../../../src/sandbox/sandbox.js';
import { never, startApiWorld, type ApiWorld } from './api-world.js';

export const DOMAIN = 'example.com';

/** Our DNS records against a sandbox, with a ledger in memory and `route dns` as a plain request. */
export interface DnsHarness extends ApiWorld {
  /** Typed as both: what it implements is the port of forwarding. */
  readonly dns: CloudflareDnsRecords & DnsRecords;
  readonly ledger: DnsLedger;
  readonly zoneId: string;
  readonly tunnelId: string;
  readonly target: string;
  readonly events: readonly { readonly type: EventType; readonly data: unknown }[];
  /** A supervisor that was started anew: same ledger, nothing else remembered. */
  restart(): CloudflareDnsRecords & DnsRecords;
  plan(hostnames: readonly string[], more?: { readonly takeover?: boolean; readonly joined?: boolean; readonly tunnelId?: string }): Promise<DnsPlan>;
  /** Plans and carries out. */
  publish(hostnames: readonly string[], more?: { readonly takeover?: boolean; readonly joined?: boolean; readonly tunnelId?: string }): Promise<readonly Warning[]>;
  /** `TYPE content` of what stands at the name. */
  at(hostname: string): readonly string[];
  put(name: string, type: string, content: string, proxied?: boolean): string;
  /** As somebody does in the dashboard: the records keep their ids. */
  edit(hostname: string, changes: { readonly content?: string; readonly proxied?: boolean }): void;
  access: ZoneAccess | undefined;
  routeDns: RouteDns;
}

export function createMemoryLedger(): DnsLedger {
  const entries = new Map<string, LedgerEntry>();
  return {
    list: () => [...entries.values()],
    get: (hostname) => entries.get(hostname),
    put: async (entry) => void entries.set(entry.hostname, entry),
    remove: async (hostname) => void entries.delete(hostname),
  };
}

export async function startDnsHarness(options: SandboxOptions = {}): Promise<DnsHarness> {
  const world = await startApiWorld(options);
  const { sandbox, clock } = world;
  const { client, certificate, account } = world.issue();
  const { zoneId } = certificate;
  const made = await account.createTunnel('tunnel', new Secret(Buffer.alloc(32).toString('base64')), never);
  if (made.kind !== 'created') throw new Error('no tunnel');
  const tunnelId = made.tunnel.id;
  world.requests();

  const ledger = createMemoryLedger();
  const events: { type: EventType; data: unknown }[] = [];
  const zone = sandbox.world.zones.find(DOMAIN);
  if (zone === undefined) throw new Error('no zone');

  const create = (): CloudflareDnsRecords & DnsRecords =>
    createDnsRecords({
      ledger, clock,
      budget: world.budget,
      openZone: async (wanted) => (wanted === zoneId ? harness.access : undefined),
      emit: <T extends EventType>(type: T, data: EventData[T]) => void events.push({ type, data }),
    });

  const harness: DnsHarness = {
    ...world, ledger, zoneId, tunnelId, events,
    target: tunnelTarget(tunnelId),
    dns: create(),
    restart: create,
    plan: (hostnames, { takeover = false, joined = false, tunnelId: other = tunnelId } = {}) => harness.dns.plan({ hostnames, zoneId, domain: DOMAIN, tunnelId: other, joined, takeover }),
    publish: async (hostnames, more) => {
      const plan = await harness.plan(hostnames, more);
      if (plan.conflicts.length > 0) throw new Error(`conflicts: ${plan.conflicts.map(({ hostname }) => hostname).join(', ')}`);
      const warnings: Warning[] = [...plan.warnings];
      for (const change of [...plan.publish, ...plan.withdraw]) warnings.push(...(await harness.dns.execute(change, never)).warnings);
      return warnings;
    },
    at: (hostname) => sandbox.world.records.named(hostname).map(({ type, content }) => `${type} ${content}`).sort(),
    put: (name, type, content, proxied = true) => sandbox.world.records.create(zone, { name, type, content, ...(['MX', 'NS', 'TXT'].includes(type) ? {} : { proxied }), ...(type === 'MX' ? { priority: 10 } : {}) }).id,
    edit: (hostname, changes) => {
      const there = sandbox.world.records.named(hostname);
      if (there.length === 0) throw new Error(`no record at ${hostname}`);
      for (const { id } of there) sandbox.world.records.patch(zone, id, changes);
    },
    access: undefined,
    routeDns: async (request, signal) => {
      const answer = await fetch(`${sandbox.apiUrl}/zones/${zoneId}/tunnels/${request.tunnelId}/routes`, {
        method: 'PUT', signal,
        headers: { authorization: `Bearer ${certificate.apiToken.reveal()}`, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'dns', user_hostname: request.hostname, overwrite_existing: request.overwrite }),
      });
      const body = (await answer.json()) as { readonly success: boolean; readonly errors: readonly { readonly message: string }[]; readonly result: { readonly name: string; readonly cname: 'new' | 'updated' | 'unchanged' } };
      if (!body.success) throw new SupervisorError('DNS_CONFLICT', body.errors.map(({ message }) => message).join());
      return { hostname: body.result.name, ledHereBefore: body.result.cname === 'unchanged' };
    },
  };
  harness.access = { zoneId, domain: DOMAIN, client, routeDns: (request, signal) => harness.routeDns(request, signal) };
  return harness;
}

export const only = (changes: readonly DnsChange[]): DnsChange => {
  const [change, ...others] = changes;
  if (change === undefined || others.length > 0) throw new Error(`expected one change, got ${changes.length}`);
  return change;
};
