import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { never } from './api-world.js';
import { DOMAIN, only, startDnsHarness, type DnsHarness } from './dns-harness.js';

const APP = `app.${DOMAIN}`;
const NAMES = Array.from({ length: 50 }, (_, index) => `n${index}.${DOMAIN}`);

let harness: DnsHarness;
beforeEach(async () => {
  harness = await startDnsHarness();
  await harness.publish([APP, ...NAMES]);
  harness.requests();
});
afterEach(async () => {
  await harness.close();
});

const zone = () => {
  const found = harness.sandbox.world.zones.find(DOMAIN);
  if (found === undefined) throw new Error('no zone');
  return found;
};
const recordAt = (name: string) => {
  const [record] = harness.sandbox.world.records.named(name);
  if (record === undefined) throw new Error(`no record at ${name}`);
  return record;
};
const check = () => harness.dns.checkDrift(harness.zoneId, never);
const drifts = () => harness.events.flatMap(({ type, data }) => (type === 'dns.drifted' ? [data] : []));

describe('a check of drift', () => {
  test('costs one listing and changes nothing where all is as it should be', async () => {
    expect(await check()).toEqual({ readable: true, drifted: [], owed: [], warnings: [] });
    expect(harness.requests()).toEqual(['GET zones/*/dns_records']);
    expect(drifts()).toEqual([]);
  });

  test('makes a record again that is gone', async () => {
    harness.sandbox.world.records.delete(zone(), recordAt(APP).id);
    expect(await check()).toMatchObject({ drifted: [{ hostname: APP, problem: 'the record is gone', repaired: true }] });
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
    expect(harness.ledger.get(APP)?.recordId).toBe(recordAt(APP).id);
    expect(drifts()).toMatchObject([{ hostname: APP, repaired: true }]);
    expect((await check()).drifted).toEqual([]);
  });

  test('proxies a record of ours again', async () => {
    harness.edit(APP, { proxied: false });
    expect(await check()).toMatchObject({ drifted: [{ problem: 'the record is not proxied', repaired: true }] });
    expect(recordAt(APP).proxied).toBe(true);
  });

  test('proxies nothing that somebody changed since it listed', async () => {
    const [first = '', second = ''] = NAMES;
    for (const name of [first, second]) harness.edit(name, { proxied: false });
    // Its repair is sent again after a while: meanwhile the other record becomes somebody's.
    harness.sandbox.faults.api.add({ fault: { kind: 'status', status: 429, retryAfterS: 90 }, method: 'PATCH', times: 1 });
    const checking = check();
    await harness.clock.whenAsleep((ms) => ms === 90_000);
    harness.edit(second, { content: 'elsewhere.example.net' });
    expect(await checking).toMatchObject({ drifted: [{ hostname: first, repaired: true }] });
    expect(recordAt(second)).toMatchObject({ content: 'elsewhere.example.net', proxied: false });
    expect(await check()).toMatchObject({ drifted: [{ hostname: second, repaired: false }] });
  });

  test('leaves what somebody put in its place, says so once, and again when it changes', async () => {
    harness.edit(APP, { content: 'elsewhere.example.net' });
    expect(await check()).toMatchObject({ drifted: [{ hostname: APP, repaired: false }] });
    expect((await check()).drifted).toEqual([]);
    expect(harness.at(APP)).toEqual(['CNAME elsewhere.example.net']);
    harness.sandbox.world.records.delete(zone(), recordAt(APP).id);
    harness.put(APP, 'A', '192.0.2.1');
    expect(await check()).toMatchObject({ drifted: [{ problem: "somebody else's record is there: A 192.0.2.1", repaired: false }] });
    harness.sandbox.world.records.delete(zone(), recordAt(APP).id);
    expect(await check()).toMatchObject({ drifted: [{ problem: 'the record is gone', repaired: true }] });
  });

  describe('what was reported is over', () => {
    const settled = () => harness.events.flatMap(({ type, data }) => (type === 'dns.settled' ? [data] : []));
    beforeEach(async () => {
      harness.edit(APP, { content: 'elsewhere.example.net' });
      await check();
    });

    test('when somebody sets the record right, by an edit or by another', async () => {
      expect(settled()).toEqual([]);
      harness.edit(APP, { content: harness.target });
      expect((await check()).drifted).toEqual([]);
      expect(settled()).toEqual([{ hostname: APP }]);
      harness.edit(APP, { content: 'elsewhere.example.net' });
      await check();
      harness.sandbox.world.records.delete(zone(), recordAt(APP).id);
      harness.put(APP, 'CNAME', harness.target);
      await check();
      await check();
      expect(settled()).toEqual([{ hostname: APP }, { hostname: APP }]);
    });

    test('when the rule is removed, and when that is owed', async () => {
      await harness.publish(NAMES);
      expect([settled(), harness.ledger.get(APP)]).toEqual([[{ hostname: APP }], undefined]);
      const [first = ''] = NAMES;
      harness.edit(first, { content: 'elsewhere.example.net' });
      await check();
      await harness.dns.owe(only((await harness.plan(NAMES.slice(1))).withdraw));
      await check();
      expect(settled()).toEqual([{ hostname: APP }, { hostname: first }]);
    });

    test('when the ledger has forgotten it', async () => {
      await harness.ledger.remove(APP);
      await check();
      expect(settled()).toEqual([{ hostname: APP }]);
    });

    test('when it is taken over; what somebody makes of it then is said again', async () => {
      await harness.publish([APP, ...NAMES], { takeover: true });
      harness.edit(APP, { content: 'elsewhere.example.net' });
      expect(await check()).toMatchObject({ drifted: [{ hostname: APP, repaired: false }] });
    });
  });

  test('takes the very record made anew for ours', async () => {
    harness.sandbox.world.records.delete(zone(), recordAt(APP).id);
    const id = harness.put(APP, 'CNAME', harness.target);
    expect((await check()).drifted).toEqual([]);
    expect(harness.ledger.get(APP)).toMatchObject({ recordId: id });
    await harness.publish(NAMES);
    expect(harness.at(APP)).toEqual([]);
  });

  test('one name that is refused does not keep the others from being repaired', async () => {
    const names = [APP, ...NAMES.slice(0, 2)];
    for (const name of names) harness.sandbox.world.records.delete(zone(), recordAt(name).id);
    harness.sandbox.faults.api.add({ fault: { kind: 'status', status: 400, code: 81045, message: 'Record quota exceeded.' }, method: 'POST', times: 1 });
    const { drifted } = await check();
    expect(drifted).toHaveLength(3);
    expect(drifted.filter(({ repaired }) => repaired)).toHaveLength(2);
    expect((await check()).drifted).toMatchObject([{ repaired: true }]);
  });

  test('does not make a record again that a change removed while it listed', async () => {
    const removal = only((await harness.plan(NAMES)).withdraw);
    // The listing waits until the removal is done: what it then shows as missing is missing rightly.
    harness.sandbox.faults.api.add({ fault: { kind: 'slow', delayMs: 50 }, method: 'GET', times: 1 });
    const [report] = await Promise.all([check(), harness.dns.execute(removal, never)]);
    expect(report.drifted).toEqual([]);
    expect(harness.at(APP)).toEqual([]);
  });

  test('reports nothing where the token may not read, and fails where Cloudflare is away', async () => {
    harness.sandbox.world.tokens.setRights({ dnsRead: false });
    expect(await check()).toMatchObject({ readable: false, drifted: [] });
    harness.sandbox.world.tokens.setRights({ dnsRead: true });
    harness.sandbox.faults.api.add({ fault: { kind: 'html' } });
    await expect(check()).rejects.toMatchObject({ code: 'CLOUDFLARE_UNEXPECTED' });
  });

  test('has the server route a name again where the token may not edit', async () => {
    harness.sandbox.world.records.delete(zone(), recordAt(APP).id);
    harness.sandbox.world.tokens.setRights({ dnsEdit: false });
    expect(await check()).toMatchObject({ drifted: [{ hostname: APP, repaired: true }] });
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
  });
});

describe('owed removals', () => {
  test('of this zone cost the listing and two requests each', async () => {
    for (const change of (await harness.plan([APP])).withdraw) await harness.dns.owe(change);
    expect(await check()).toMatchObject({ owed: [] });
    expect(harness.requests()).toEqual(['GET zones/*/dns_records', ...NAMES.flatMap(() => ['GET zones/*/dns_records', 'DELETE zones/*/dns_records/*'])]);
    expect(harness.ledger.list().map(({ hostname }) => hostname)).toEqual([APP]);
  });

  test('stay owed while they cannot be done, without a word', async () => {
    const change = only((await harness.plan(NAMES)).withdraw);
    await harness.dns.owe(change);
    harness.sandbox.world.tokens.setRights({ dnsEdit: false });
    expect(await check()).toMatchObject({ owed: [APP], warnings: [] });
    const { access } = harness;
    harness.access = undefined;
    expect(await check()).toMatchObject({ readable: false, owed: [APP], warnings: [] });
    harness.access = access;
    expect(harness.at(APP)).toHaveLength(1);
  });

  test('of a tunnel before are done by a machine that joined another, and none of the one it joined', async () => {
    const change = only((await harness.plan(NAMES)).withdraw);
    await harness.dns.owe(change);
    await harness.dns.removeOwedElsewhere(harness.tunnelId, never);
    expect(harness.requests()).toEqual([]);
    expect(harness.at(APP)).toHaveLength(1);
    await harness.dns.removeOwedElsewhere('11111111-2222-3333-4444-555555555555', never);
    expect([harness.at(APP), harness.ledger.get(APP)]).toEqual([[], undefined]);
  });

  test('leave alone what somebody made of the record since it listed', async () => {
    for (const change of (await harness.plan([APP, ...NAMES.slice(2)])).withdraw) await harness.dns.owe(change);
    const [first = '', second = ''] = NAMES;
    harness.sandbox.faults.api.add({ fault: { kind: 'status', status: 429, retryAfterS: 90 }, method: 'DELETE', times: 1 });
    const checking = check();
    await harness.clock.whenAsleep((ms) => ms === 90_000);
    harness.edit(second, { content: 'elsewhere.example.net' });
    expect(await checking).toMatchObject({ owed: [], warnings: [{ code: 'DNS_RECORD_CHANGED', hostname: second }] });
    expect([harness.at(first), harness.at(second)]).toEqual([[], ['CNAME elsewhere.example.net']]);
  });

  test('leave alone what somebody made of the record', async () => {
    const change = only((await harness.plan(NAMES)).withdraw);
    await harness.dns.owe(change);
    harness.edit(APP, { content: 'elsewhere.example.net' });
    expect(await check()).toMatchObject({ owed: [], warnings: [{ code: 'DNS_RECORD_CHANGED', hostname: APP }] });
    expect(harness.at(APP)).toEqual(['CNAME elsewhere.example.net']);
  });
});
