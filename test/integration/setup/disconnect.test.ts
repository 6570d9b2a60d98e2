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
const STEPS = ['stop-connectors', 'remove-record', 'remove-record', 'delete-tunnel', 'remove-artifacts'];
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
    knownConnectors: async () => ['ours'],
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
    expect(harness.requests()).toEqual(['GET accounts/*/cfd_tunnel/*/connections']);
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

  describe('where others are connected to the tunnel', () => {
    /** What the account answers, question by question; the last answer stays. */
    const connected = (...answers: readonly (readonly string[])[]): DisconnectPorts['openAccount'] => {
      let asked = 0;
      return (pem) => ({
        ...ports.openAccount(pem),
        listConnectors: async () => {
          const ids = answers[Math.min(asked, answers.length - 1)] ?? [];
          asked += 1;
          return ids.map((id) => ({ id, originIp: undefined, version: undefined }));
        },
      });
    };
    const expectLeft = (warnings: DisconnectOutcome['warnings']): void => {
      expect(warnings).toEqual([{ code: 'TUNNEL_LEFT', message: expect.stringMatching(/"web".*app\.example\.com, www\.example\.com.*others are connected/u) as string }]);
    };

    test('leaves tunnel and records to them, says so once, and forgets them', async () => {
      const { warnings } = await run({ openAccount: connected(['ours', 'theirs']) });
      expectLeft(warnings);
      expect([records().toSorted(), harness.tunnels(), ledger.list(), await harness.installed()]).toEqual([NAMES, ['web'], [], undefined]);
      expect(told).toEqual(['stop']);
    });

    test('says before that it would', async () => {
      const { outcome, plan, warnings } = await run({ openAccount: connected(['ours', 'theirs']) }, true);
      expect([outcome, plan.map(({ kind }) => kind)]).toEqual(['planned', ['stop-connectors', 'remove-record', 'remove-record', 'leave-tunnel', 'remove-artifacts']]);
      expectLeft(warnings);
      await expectConnected();
    });

    test('does not take its own for others, nor one that is gone in a moment', async () => {
      expect(await run({ openAccount: connected(['ours', 'gone'], ['ours'], []) })).toMatchObject({ warnings: [] });
      await expectDisconnected();
    });

    test('leaves all to one that came while it stopped', async () => {
      const { warnings } = await run({ openAccount: connected(['ours'], ['theirs']) });
      expect(warnings.map(({ code, hostname }) => [code, hostname])).toEqual([...NAMES.map((name) => ['DNS_RECORD_LEFT', name]), ['TUNNEL_LEFT', undefined]]);
      expect([records().toSorted(), harness.tunnels(), ledger.list(), await harness.installed()]).toEqual([NAMES, ['web'], [], undefined]);
    });

    test('removes all the same what is owed of a tunnel before', async () => {
      const [entry] = ledger.list();
      if (entry === undefined) throw new Error('no record');
      await ledger.put({ ...entry, hostname: 'old.example.com', recordId: undefined, content: tunnelTarget('22222222-2222-4222-8222-222222222222'), removalOwed: true });
      const { plan } = await run({ openAccount: connected(['ours', 'theirs']) }, true);
      expect(plan.flatMap((step) => (step.kind === 'remove-record' ? [`${step.change.kind} ${step.change.hostname}`] : []))).toEqual(['forget-record app.example.com', 'delete-record old.example.com', 'forget-record www.example.com']);
    });

    test('takes everything back when it fails on the way', async () => {
      const removeArtifacts = async (): Promise<void> => Promise.reject(new Error('never'));
      await expect(run({ openAccount: connected(['ours', 'theirs']), removeArtifacts, gate: async ({ name, phase }) => (name === 'leave-tunnel' && phase === 'before' ? Promise.reject(new Error('stopped here')) : undefined) })).rejects.toThrow('stopped here');
      await expectConnected();
    });
  });

  test('leaves tunnel and records where nobody can be asked whether others are connected', async () => {
    await removeDurably(harness.paths.certPem);
    const { warnings } = await run();
    expect(warnings).toEqual([{ code: 'TUNNEL_LEFT', message: expect.stringMatching(/app\.example\.com, www\.example\.com.*certificate is lost/u) as string }]);
    expect([records().toSorted(), harness.tunnels(), ledger.list()]).toEqual([NAMES, ['web'], []]);
  });

  test('on a machine that joined removes only what is here', async () => {
    const identity = (await harness.installed())?.identity;
    if (identity === undefined) throw new Error('not connected');
    const joined: DisconnectPorts['installed'] = async () => {
      const there = await harness.installed();
      return there && { ...there, identity: { ...there.identity, joined: true } };
    };
    const { warnings } = await run({ installed: joined });
    expect(warnings).toMatchObject([{ code: 'TUNNEL_LEFT', message: expect.stringMatching(/app\.example\.com, www\.example\.com: this machine joined it/u) as string }]);
    expect(harness.requests()).toEqual([]);
    expect([records().toSorted(), harness.tunnels(), await harness.installed()]).toEqual([NAMES, ['web'], undefined]);
  });

  test.each(STEPS.flatMap((name, index) => (['before', 'after'] as const).map((phase) => ({ name, index, phase }))))('is finished or undone when it is killed $phase step $index, $name', async ({ index, phase }) => {
    const { gate, died } = createDeadlyGate((boundary) => boundary.step === index && boundary.phase === phase);
    void run({ gate });
    await died;
    const hasStopped = index > 0 || phase === 'after';
    await recover();
    if (hasStopped) await expectDisconnected();
    else await expectConnected();
  });
});
