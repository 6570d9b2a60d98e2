import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDnsRecords, type CloudflareDnsRecords } from '../../../src/cloudflare/dns-records.js';
import { createOpenZone } from '../../../src/cloudflare/zone-access.js';
import { createRouteDns } from '../../../src/cloudflared/route-dns.js';
import type { ApiFault } from '../../../src/sandbox/api/faults.js';
import { listProcesses } from '../../../src/host/process-table.js';
import { Secret } from '../../../src/core/secret.js';
import { tunnelTarget } from '../../../src/core/tunnel.js';
import { never, startApiWorld, type ApiWorld } from './api-world.js';
import { createMemoryLedger, only } from './dns-harness.js';

/** The real program where one is given, else the stand-in, in the place of the token that may not edit DNS. */

const APP = 'app.example.com';
const given = process.env['CLOUDFLARED_SUPERVISOR_CLOUDFLARED'];

let world: ApiWorld;
let directory: string;
let dns: CloudflareDnsRecords;
let tunnelId: string;
let zoneId: string;

beforeEach(async () => {
  world = await startApiWorld(given === undefined ? { standIn: true } : { cloudflared: given });
  directory = await mkdtemp(join(tmpdir(), 'route-dns-'));
  const { pem, account, certificate } = world.issue();
  zoneId = certificate.zoneId;
  const file = join(directory, 'cert.pem');
  await writeFile(file, pem.reveal(), { mode: 0o600 });
  const made = await account.createTunnel('web', new Secret(Buffer.alloc(32).toString('base64')), never);
  const path = world.sandbox.cloudflared;
  if (made.kind !== 'created' || path === undefined) throw new Error('no tunnel');
  tunnelId = made.tunnel.id;
  world.sandbox.world.tokens.setRights({ dnsEdit: false, dnsRead: false });

  const routeDnsWith = (originCert: string) =>
    createRouteDns({
      binary: async () => ({ path, version: '2026.8.2' }), noConfig: join(directory, 'no-config.yml'), originCert,
      apiUrl: world.sandbox.apiUrl, env: { PATH: process.env['PATH'] ?? '', HOME: directory },
    });
  const { budget, connect, clock } = world;
  const openZone = createOpenZone({ findCertificate: async () => ({ pem, file, domain: 'example.com' }), connect, routeDnsWith, budget });
  dns = createDnsRecords({ ledger: createMemoryLedger(), openZone, emit: () => undefined, clock, budget });
});
afterEach(async () => {
  await world.close();
  await rm(directory, { recursive: true, force: true });
});

const planApp = () => dns.plan({ hostnames: [APP], zoneId, domain: 'example.com', tunnelId, joined: false, takeover: false });

test('a name is routed by cloudflared, again without harm', async () => {
  const change = only((await planApp()).publish);
  await dns.execute(change, never);
  await dns.execute(change, never);
  expect(world.sandbox.world.records.named(APP)).toMatchObject([{ type: 'CNAME', content: tunnelTarget(tunnelId), proxied: true }]);
  expect(dns.stateOf(APP)).toBe('unmanaged');
});

test('a name that cloudflared routed is owed when that is undone', async () => {
  const change = only((await planApp()).publish);
  await dns.execute(change, never);
  expect(await dns.undo(change, never)).toMatchObject({ warnings: [{ code: 'DNS_RECORD_LEFT' }] });
  expect(dns.stateOf(APP)).toBe('owed');
});

test('a name that somebody routed before is adopted, and forgotten when that is undone', async () => {
  const zone = world.sandbox.world.zones.find();
  if (zone === undefined) throw new Error('no zone');
  world.sandbox.world.records.create(zone, { name: APP, type: 'CNAME', content: tunnelTarget(tunnelId), proxied: true });
  const change = only((await planApp()).publish);
  await dns.execute(change, never);
  expect(dns.stateOf(APP)).toBe('adopted');
  expect(await dns.undo(change, never)).toEqual({ warnings: [] });
  expect(dns.stateOf(APP)).toBe('none');
});

test('a record that is there already is a conflict, and stays', async () => {
  const zone = world.sandbox.world.zones.find();
  if (zone === undefined) throw new Error('no zone');
  world.sandbox.world.records.create(zone, { name: APP, type: 'A', content: '192.0.2.1' });
  const change = only((await planApp()).publish);
  await expect(dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
  expect(await dns.undo(change, never)).toEqual({ warnings: [] });
  expect(dns.stateOf(APP)).toBe('none');
  expect(world.sandbox.world.records.named(APP)).toMatchObject([{ type: 'A' }]);
});

test('a takeover replaces it', async () => {
  const zone = world.sandbox.world.zones.find();
  if (zone === undefined) throw new Error('no zone');
  world.sandbox.world.records.create(zone, { name: APP, type: 'A', content: '192.0.2.1' });
  const plan = await dns.plan({ hostnames: [APP], zoneId, domain: 'example.com', tunnelId, joined: false, takeover: true });
  await dns.execute(only(plan.publish), never);
  expect(world.sandbox.world.records.named(APP)).toMatchObject([{ type: 'CNAME', content: tunnelTarget(tunnelId) }]);
});

test('a route that is given up ends cloudflared at once', async () => {
  const change = only((await planApp()).publish);
  world.sandbox.faults.api.add({ fault: { kind: 'hang' }, method: 'PUT' });
  const giveUp = new AbortController();
  const routing = dns.execute(change, giveUp.signal);
  const running = (): number => listProcesses(({ argv }) => argv.includes(join(directory, 'cert.pem'))).length;
  await expect.poll(() => world.requests(), { timeout: 10_000 }).toContainEqual(expect.stringMatching(/^PUT .*routes$/));
  expect(running()).toBe(1);
  giveUp.abort(new Error('given up'));
  await expect(routing).rejects.toThrow('given up');
  expect(running()).toBe(0);
});

test.each<[string, ApiFault]>([
  ['429', { kind: 'status', status: 429 }], ['500', { kind: 'status', status: 500 }], ['a 502 of a proxy', { kind: 'html', status: 502 }],
  ['a reset', { kind: 'refuse' }], ['half an answer', { kind: 'truncate' }],
])('after %s it is tried again', async (_what, fault) => {
  const change = only((await planApp()).publish);
  world.sandbox.faults.api.add({ fault, method: 'PUT', times: 1 });
  await dns.execute(change, never);
  expect(world.sandbox.world.records.named(APP)).toMatchObject([{ type: 'CNAME', content: tunnelTarget(tunnelId) }]);
  expect(world.requests().filter((request) => request.startsWith('PUT'))).toHaveLength(2);
});

test('it is tried again until there is no time left, and then Cloudflare is what was away', async () => {
  const change = only((await planApp()).publish);
  world.sandbox.faults.api.add({ fault: { kind: 'html', status: 502 }, method: 'PUT' });
  const late = new AbortController();
  const routing = dns.execute(change, late.signal);
  await expect.poll(() => world.sandbox.requests.list({ method: 'PUT' }).length, { timeout: 10_000 }).toBeGreaterThan(1);
  late.abort(new Error('too late'));
  await expect(routing).rejects.toThrow(/too late|failed with status 502/u);
});

test('a token that is not accepted at all is said', async () => {
  const change = only((await planApp()).publish);
  world.sandbox.world.tokens.revokeAll();
  await expect(dns.execute(change, never)).rejects.toMatchObject({ message: expect.stringContaining('Invalid API Token') as string });
});
