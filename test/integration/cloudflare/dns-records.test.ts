import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DnsChange } from '../../../src/core/dns.js';
import { never } from './api-world.js';
import { DOMAIN, only, startDnsHarness, type DnsHarness } from './dns-harness.js';

const APP = `app.${DOMAIN}`;
const OLD_TUNNEL = '22222222-2222-4222-8222-222222222222';

let harness: DnsHarness;
beforeEach(async () => {
  harness = await startDnsHarness();
});
afterEach(async () => {
  await harness.close();
});

const typesOf = (): readonly string[] => harness.events.map(({ type }) => type);

describe('publishing names', () => {
  test('adding one costs two requests, changing its destination none, removing it two', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `n${index}.${DOMAIN}`);
    await harness.publish(names);
    harness.requests();

    await harness.publish([...names, APP]);
    expect(harness.requests()).toEqual([`GET zones/*/dns_records`, `POST zones/*/dns_records`]);
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
    expect(harness.dns.stateOf(APP)).toBe('created');

    await harness.publish([...names, APP]);
    expect(harness.requests()).toEqual([]);

    await harness.publish(names);
    expect(harness.requests()).toEqual([`GET zones/*/dns_records`, `DELETE zones/*/dns_records/*`]);
    expect(harness.at(APP)).toEqual([]);
    expect(harness.dns.stateOf(APP)).toBe('none');
    expect(typesOf().slice(-2)).toEqual(['dns.created', 'dns.removed']);
  });

  test('the records are proxied, say whose they are, and hold for the apex and wildcards too', async () => {
    await harness.publish([DOMAIN, `*.${DOMAIN}`]);
    const records = harness.sandbox.world.records.list(harness.zoneId);
    expect(records).toMatchObject([
      { name: DOMAIN, type: 'CNAME', content: harness.target, proxied: true, ttl: 1, comment: 'cloudflared-supervisor' },
      { name: `*.${DOMAIN}`, type: 'CNAME', content: harness.target, proxied: true },
    ]);
  });

  test('a thousand names cost one listing and a request each; removing them looks at each before', async () => {
    for (let index = 0; index < 40; index += 1) harness.put(`other${index}.${DOMAIN}`, 'A', '192.0.2.7');
    const names = Array.from({ length: 1_000 }, (_, index) => `n${index}.${DOMAIN}`);
    await harness.publish(names);
    expect(harness.requests()).toHaveLength(1_001);
    // More would be over the limit of the window: the rest waits.
    const startedAt = harness.clock.monotonic();
    await harness.publish([]);
    expect(harness.requests()).toHaveLength(2_000);
    expect(harness.clock.monotonic() - startedAt).toBeGreaterThan(290_000);
    expect(harness.sandbox.world.records.list(harness.zoneId)).toHaveLength(40);
  });

  test('a few names in a large zone are read one by one after its first page', async () => {
    // The sandbox gives as many a page as asked; a smaller one stands for a larger zone.
    for (let index = 0; index < 250; index += 1) harness.put(`other${index}.${DOMAIN}`, 'A', '192.0.2.7');
    const plan = await harness.plan(['a', 'b', 'c'].map((name) => `${name}.${DOMAIN}`));
    expect(plan.publish).toHaveLength(3);
    expect(harness.requests()).toEqual([`GET zones/*/dns_records`]);
  });

  test('a create whose answer was lost finds its own record', async () => {
    for (const kind of ['cut-off', 'truncate'] as const) {
      const name = `${kind}.${DOMAIN}`;
      harness.sandbox.faults.api.add({ fault: { kind }, method: 'POST', path: 'zones/*/dns_records', times: 1 });
      await harness.publish([...harness.ledger.list().map(({ hostname }) => hostname), name]);
      expect(harness.at(name)).toEqual([`CNAME ${harness.target}`]);
      expect(harness.ledger.get(name)).toMatchObject({ adopted: false, recordId: harness.sandbox.world.records.named(name)[0]?.id });
    }
  });

  test('a change that was carried out and not journalled is carried out again without harm', async () => {
    const change = only((await harness.plan([APP])).publish);
    await harness.dns.execute(change, never);
    await harness.ledger.remove(APP);
    await harness.restart().execute(change, never);
    expect(harness.at(APP)).toHaveLength(1);
    expect(harness.ledger.get(APP)).toMatchObject({ content: harness.target });
  });

  test('trouble is retried: 429 as long as it says, 5xx, resets', async () => {
    const { api } = harness.sandbox.faults;
    api.add({ fault: { kind: 'status', status: 429, retryAfterS: 40 }, method: 'POST', times: 1 });
    api.add({ fault: { kind: 'status', status: 503 }, method: 'POST', times: 2 });
    api.add({ fault: { kind: 'refuse' }, method: 'POST', times: 1 });
    await harness.publish([APP]);
    expect(harness.at(APP)).toHaveLength(1);
    expect(harness.clock.monotonic()).toBeGreaterThanOrEqual(40_000);
  });

  test('what Cloudflare refuses for good fails the change, and names the record', async () => {
    harness.sandbox.faults.api.add({ fault: { kind: 'status', status: 400, code: 81045, message: 'Record quota exceeded.' }, method: 'POST' });
    const change = only((await harness.plan([APP])).publish);
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_FAILED', message: expect.stringMatching(/app\.example\.com.*quota/) as string });
  });

  test('a record that appeared since the plan is a conflict', async () => {
    const change = only((await harness.plan([APP])).publish);
    harness.put(APP, 'A', '192.0.2.1');
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_CONFLICT', message: expect.stringContaining('A 192.0.2.1') as string });
    expect(await harness.dns.undo(change, never)).toEqual({ warnings: [] });
    expect([harness.at(APP), harness.ledger.list()]).toEqual([['A 192.0.2.1'], []]);
  });

  test('a name that the server put elsewhere is taken back and said', async () => {
    await expect(harness.dns.execute({ kind: 'create-record', hostname: 'app.example.org', zoneId: harness.zoneId, content: harness.target, via: 'api' }, never)).rejects.toMatchObject({ code: 'DNS_MISROUTED' });
    expect(harness.sandbox.world.records.list(harness.zoneId)).toEqual([]);
  });
});

describe('a new tunnel', () => {
  test('gets our records, in place', async () => {
    await harness.publish([APP]);
    const id = harness.ledger.get(APP)?.recordId;
    harness.requests();
    await harness.publish([APP], { tunnelId: OLD_TUNNEL });
    // Once for the plan, and once more before it is changed.
    expect(harness.requests()).toEqual([`GET zones/*/dns_records`, `GET zones/*/dns_records`, `PATCH zones/*/dns_records/*`]);
    expect(harness.ledger.get(APP)).toMatchObject({ recordId: id, content: `${OLD_TUNNEL}.cfargotunnel.com` });
  });

  test('gives them back when the change is undone, however far it came', async () => {
    await harness.publish([APP]);
    const change = only((await harness.plan([APP], { tunnelId: OLD_TUNNEL })).publish);
    await harness.restart().undo(change, never);
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
    await harness.dns.execute(change, never);
    await harness.restart().undo(change, never);
    await harness.restart().undo(change, never);
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
    expect(harness.ledger.get(APP)).toMatchObject({ content: harness.target });
  });
});

describe('undoing', () => {
  test('a create removes it, whether its answer came or not, and is no harm where it was never made', async () => {
    const change = only((await harness.plan([APP])).publish);
    await harness.dns.undo(change, never);
    await harness.dns.execute(change, never);
    await harness.dns.undo(change, never);
    expect([harness.at(APP), harness.ledger.list()]).toEqual([[], []]);
    harness.put(APP, 'CNAME', harness.target);
    await harness.restart().undo(change, never);
    expect(harness.at(APP)).toEqual([]);
  });

  test('an adoption keeps the record', async () => {
    harness.put(APP, 'CNAME', harness.target);
    const change = only((await harness.plan([APP])).publish);
    await harness.dns.execute(change, never);
    await harness.dns.undo(change, never);
    expect([harness.at(APP), harness.ledger.list()]).toEqual([[`CNAME ${harness.target}`], []]);
  });

  test('an adoption of what was owed leaves it owed', async () => {
    harness.put(APP, 'CNAME', harness.target);
    await harness.publish([APP]);
    await harness.dns.owe(only((await harness.plan([])).withdraw));
    const before = harness.ledger.get(APP);
    const change = only((await harness.plan([APP])).publish);
    for (const carriesOut of [false, true]) {
      if (carriesOut) await harness.dns.execute(change, never);
      await harness.restart().undo(change, never);
      expect(harness.ledger.get(APP)).toEqual(before);
    }
    await harness.dns.checkDrift(harness.zoneId, never);
    expect([harness.at(APP), harness.ledger.list()]).toEqual([[], []]);
  });

  test('an adoption for another tunnel leaves ours with the tunnel before', async () => {
    await harness.publish([APP]);
    const before = harness.ledger.get(APP);
    const content = `${OLD_TUNNEL}.cfargotunnel.com`;
    harness.edit(APP, { content });
    const change = only((await harness.plan([APP], { tunnelId: OLD_TUNNEL })).publish);
    expect(change.kind).toBe('adopt-record');
    await harness.dns.execute(change, never);
    expect(harness.ledger.get(APP)).toMatchObject({ content });
    await harness.restart().undo(change, never);
    expect(harness.ledger.get(APP)).toEqual(before);
    expect(await harness.dns.checkDrift(harness.zoneId, never)).toMatchObject({ drifted: [{ hostname: APP, repaired: false }] });
    expect(harness.at(APP)).toEqual([`CNAME ${content}`]);
  });

  test('a removal makes it again', async () => {
    await harness.publish([APP]);
    const change = only((await harness.plan([])).withdraw);
    await harness.dns.execute(change, never);
    await harness.dns.undo(change, never);
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
    expect(harness.dns.stateOf(APP)).toBe('created');
  });
});

describe('a record that was there when the adoption was planned', () => {
  /** Ours, its removal owed; a check of drift removes it before the change is carried out. */
  const planThenRemove = async (): Promise<DnsChange> => {
    await harness.publish([APP]);
    await harness.dns.owe(only((await harness.plan([])).withdraw));
    const change = only((await harness.plan([APP])).publish);
    expect(change.kind).toBe('adopt-record');
    await harness.dns.checkDrift(harness.zoneId, never);
    expect(harness.at(APP)).toEqual([]);
    return change;
  };

  test('and is gone is made again, and goes with the undo', async () => {
    const change = await planThenRemove();
    await harness.dns.execute(change, never);
    expect([harness.at(APP), harness.dns.stateOf(APP)]).toEqual([[`CNAME ${harness.target}`], 'created']);
    expect(harness.ledger.get(APP)?.recordId).toBe(harness.sandbox.world.records.named(APP)[0]?.id);
    await harness.restart().undo(change, never);
    await harness.restart().undo(change, never);
    await harness.dns.checkDrift(harness.zoneId, never);
    expect([harness.at(APP), harness.ledger.list()]).toEqual([[], []]);
  });

  test('and is gone is routed where the token may not edit', async () => {
    const change = await planThenRemove();
    harness.sandbox.world.tokens.setRights({ dnsEdit: false });
    await harness.dns.execute(change, never);
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
  });

  test('and became somebody else\'s is a conflict, and stays', async () => {
    const change = await planThenRemove();
    harness.put(APP, 'A', '192.0.2.1');
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_CONFLICT', message: expect.stringContaining('A 192.0.2.1') as string });
    await harness.dns.undo(change, never);
    await harness.dns.checkDrift(harness.zoneId, never);
    expect([harness.at(APP), harness.ledger.list()]).toEqual([['A 192.0.2.1'], []]);
  });

  test('and was made anew is adopted as it is now', async () => {
    const change = await planThenRemove();
    const id = harness.put(APP, 'CNAME', harness.target);
    await harness.dns.execute(change, never);
    expect(harness.ledger.get(APP)).toMatchObject({ recordId: id, adopted: true });
    await harness.dns.undo(change, never);
    await harness.dns.checkDrift(harness.zoneId, never);
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
  });
});

describe('a machine that joined', () => {
  test('forgets its records and leaves them', async () => {
    await harness.publish([APP], { joined: true });
    expect(await harness.publish([], { joined: true })).toMatchObject([{ code: 'DNS_RECORD_LEFT', hostname: APP }]);
    expect([harness.at(APP), harness.ledger.list()]).toEqual([[`CNAME ${harness.target}`], []]);
  });
});

describe('what is owed', () => {
  test('is removed later, and not when the name is wanted again', async () => {
    await harness.publish([APP]);
    const change = only((await harness.plan([])).withdraw);
    await harness.dns.owe(change);
    expect(harness.dns.stateOf(APP)).toBe('owed');
    expect((await harness.plan([])).withdraw).toEqual([]);
    await harness.publish([APP]);
    expect(harness.dns.stateOf(APP)).toBe('created');
    await harness.dns.owe(only((await harness.plan([])).withdraw));
    await harness.dns.checkDrift(harness.zoneId, never);
    expect([harness.at(APP), harness.ledger.list()]).toEqual([[], []]);
  });

  test('of a create that could not be undone is found and removed', async () => {
    const change = only((await harness.plan([APP])).publish);
    await harness.dns.execute(change, never);
    await harness.dns.owe(change);
    expect(await harness.dns.checkDrift(harness.zoneId, never)).toMatchObject({ owed: [] });
    expect(harness.at(APP)).toEqual([]);
  });
});
