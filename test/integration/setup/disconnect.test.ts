import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDnsRecords } from '../../../src/cloudflare/dns-records.js';
import { createFindCertificate } from '../../../src/cloudflare/find-certificate.js';
import { BUDGET_LIMIT } from '../../../src/cloudflare/request-budget.js';
import { createOpenZone } from '../../../src/cloudflare/zone-access.js';
import { createTunnelDocument } from '../../../src/state/tunnel-document.js';
import { openDnsLedger } from '../../../src/state/dns-ledger.js';
import type { DnsLedger } from '../../../src/state/dns-ledger.js';
import { removeDurably } from '../../../src/host/atomic-file.js';
import { disconnect, recoverDisconnect, type DisconnectOutcome } from '../../../src/setup/disconnect.js';
import type { DisconnectStep } from '../../../src/setup/disconnect-steps.js';
import type { DisconnectPorts } from '../../../src/setup/ports.js';
import { tunnelTarget } from '../../../src/core/tunnel.js';
import type { JournalRecord } from '../../../src/transaction/ports.js';
import { createDeadlyGate, startSetupHarness, type SetupHarness } from './setup-harness.js';

const NAMES = ['app.example.com', 'www.example.com'];
const STEPS = ['check-account', 'stop-connectors', 'remove-record', 'remove-record', 'delete-tunnel', 'remove-artifacts'];
const never = new AbortController().signal;

let harness: SetupHarness;
let ledger: DnsLedger;
let ports: DisconnectPorts;
/** What the connectors were told, in order. */
let told: string[];

beforeEach(async () => {
  harness = await startSetupHarness();
  ledger = await openDnsLedger(harness.paths, harness.ports.emit);
  told = [];
  await connect({});
});
afterEach(async () => {
  await harness.close();
});

async function connect(more: { readonly join?: boolean }): Promise<void> {
  const session = harness.createSession();
  const { tunnel } = await session.start({ ...more, name: 'web' }).outcome;
  await session.settled();
  const { paths, clock, budget, connect: connectTo } = harness;
  const { emit, staging, openAccount, journals, installed, createChangeId } = harness.ports;
  const findCertificate = createFindCertificate({ paths, staging, installed, retired: { read: async () => undefined } });
  const routeDns = async (): Promise<never> => {
    throw new Error('not to be routed');
  };
  const dns = createDnsRecords({ ledger, emit, clock, budget, openZone: createOpenZone({ findCertificate, connect: connectTo, routeDnsWith: () => routeDns, budget }) });
  const plan = await dns.plan({ hostnames: NAMES, zoneId: tunnel.zoneId, domain: tunnel.domain, tunnelId: tunnel.id, joined: false, takeover: false });
  for (const change of plan.publish) await dns.execute(change, never);
  harness.requests();
  ports = {
    installed, openAccount, dns, journals, emit, clock, createChangeId,
    ledger: () => ledger.list(),
    connectors: {
      stopAll: async () => void told.push('stop'),
      startAll: async () => void told.push('start'),
    },
    removeArtifacts: async (identity) => {
      await createTunnelDocument(paths.tunnelDocument, emit).remove();
      for (const file of [paths.certPem, paths.credentials(identity.id)]) await removeDurably(file);
    },
  };
}

const run = (more: Partial<DisconnectPorts> = {}, dryRun = false): Promise<DisconnectOutcome> => disconnect({ ...ports, ...more }, { dryRun, interrupt: never });
const records = (): readonly string[] => harness.sandbox.world.records.list().map(({ name }) => name);

async function recover(): Promise<void> {
  for (const record of await harness.unfinished()) await recoverDisconnect(ports, record as JournalRecord<DisconnectStep>, never);
}

async function expectDisconnected(): Promise<void> {
  expect([records(), harness.tunnels(), ledger.list(), await harness.files(), await harness.unfinished()]).toEqual([[], [], [], ['dns-ledger.json'], []]);
}

async function expectConnected(): Promise<void> {
  expect([records().toSorted(), harness.tunnels(), ledger.list().length, await harness.unfinished()]).toEqual([NAMES, ['web'], 2, []]);
  expect(await harness.installed()).toBeDefined();
  expect(told.at(-1) ?? 'start').toBe('start');
}

describe('disconnecting', () => {
  test('stops, removes records, tunnel and files, and says it', async () => {
    expect(await run()).toMatchObject({ outcome: 'disconnected', warnings: [] });
    await expectDisconnected();
    expect(told).toEqual(['stop']);
    expect(harness.events.at(-1)).toMatchObject({ type: 'tunnel.disconnected', data: { domain: 'example.com' } });
    expect(await run()).toEqual({ outcome: 'unchanged', plan: [], warnings: [] });
  });

  test('shows what it would do', async () => {
    const { outcome, plan } = await run({}, true);
    expect([outcome, plan.map(({ kind }) => kind)]).toEqual(['planned', STEPS]);
    await expectConnected();
    expect(harness.requests()).toEqual([]);
  });

  test('does not begin where Cloudflare does not answer as it should', async () => {
    harness.sandbox.faults.api.add({ fault: { kind: 'html' } });
    await expect(run()).rejects.toMatchObject({ code: 'CLOUDFLARE_UNEXPECTED' });
    expect(told).toEqual([]);
    harness.sandbox.faults.api.remove();
    await expectConnected();
  });

  test('takes everything back when it fails on the way', async () => {
    harness.sandbox.faults.api.add({ fault: { kind: 'status', status: 400 }, method: 'DELETE', path: 'accounts/**' });
    await expect(run()).rejects.toMatchObject({ code: 'CLOUDFLARE_REFUSED' });
    await expectConnected();
    expect(told).toEqual(['stop', 'start']);
    expect(records().map((name) => harness.sandbox.world.records.named(name)[0]?.content)).toEqual(NAMES.map(() => tunnelTarget((harness.sandbox.world.tunnels.list()[0]?.id ?? ''))));
  });

  test('says what it may not remove, and goes on', async () => {
    harness.sandbox.world.tokens.setRights({ dnsEdit: false });
    const { warnings } = await run();
    expect(warnings.map(({ code, hostname }) => [code, hostname])).toEqual(NAMES.map((name) => ['DNS_RECORD_LEFT', name]));
    expect([records().toSorted(), harness.tunnels()]).toEqual([NAMES, []]);
  });

  test('waits where it has more records than Cloudflare lets it remove at once', async () => {
    const tunnel = (await harness.installed())?.identity;
    if (tunnel === undefined) throw new Error('not connected');
    for (let index = 0; index < BUDGET_LIMIT / 2; index += 1) {
      const [hostname, content] = [`n${index}.example.com`, tunnelTarget(tunnel.id)];
      const zone = harness.sandbox.world.zones.find();
      if (zone === undefined) throw new Error('no zone');
      const { id: recordId } = harness.sandbox.world.records.create(zone, { name: hostname, type: 'CNAME', content, proxied: true });
      await ledger.put({ hostname, zoneId: tunnel.zoneId, recordId, content, createdAt: '2026-01-01T00:00:00.000Z', previous: [], adopted: false, removalOwed: false });
    }
    expect(await run()).toMatchObject({ outcome: 'disconnected', warnings: [] });
    await expectDisconnected();
  });

  test('leaves the tunnel to others that are connected to it', async () => {
    const openAccount: DisconnectPorts['openAccount'] = (pem) => ({ ...ports.openAccount(pem), listConnectors: async () => [{ id: 'theirs', originIp: undefined, version: undefined }] });
    expect((await run({ openAccount })).warnings).toMatchObject([{ code: 'TUNNEL_LEFT' }]);
    expect([records(), harness.tunnels()]).toEqual([[], ['web']]);
  });

  test('on a machine that joined removes only what is here', async () => {
    const identity = (await harness.installed())?.identity;
    if (identity === undefined) throw new Error('not connected');
    const joined: DisconnectPorts['installed'] = async () => {
      const there = await harness.installed();
      return there && { ...there, identity: { ...there.identity, joined: true } };
    };
    const { warnings } = await run({ installed: joined });
    expect(warnings).toHaveLength(2);
    expect(harness.requests()).toEqual([]);
    expect([records().toSorted(), harness.tunnels(), await harness.installed()]).toEqual([NAMES, ['web'], undefined]);
  });

  test.each(STEPS.flatMap((name, index) => (['before', 'after'] as const).map((phase) => ({ name, index, phase }))))('is finished or undone when it is killed $phase step $index, $name', async ({ index, phase }) => {
    const { gate, died } = createDeadlyGate((boundary) => boundary.step === index && boundary.phase === phase);
    void run({ gate });
    await died;
    const hasStopped = index > 1 || (index === 1 && phase === 'after');
    await recover();
    if (hasStopped) await expectDisconnected();
    else await expectConnected();
  });
});
