import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DnsChange } from '../../../src/core/dns.js';
import { SupervisorError } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { tunnelTarget } from '../../../src/core/tunnel.js';
import { never } from './api-world.js';
import { DOMAIN, only, startDnsHarness, type DnsHarness } from './dns-harness.js';

const APP = `app.${DOMAIN}`;

let harness: DnsHarness;
beforeEach(async () => {
  harness = await startDnsHarness();
});
afterEach(async () => {
  await harness.close();
});

const readNothing = (): void => harness.sandbox.world.tokens.setRights({ dnsEdit: false, dnsRead: false });
const allowAll = (): void => {
  harness.sandbox.world.tokens.setRights({ dnsEdit: true, dnsRead: true });
  harness.access = harness.access && { ...harness.access, client: harness.issue().client };
};
const typesOf = (): readonly string[] => harness.events.map(({ type }) => type);

describe('records that are not ours', () => {
  test('are a conflict in the plan, and stay', async () => {
    harness.put(APP, 'AAAA', '2001:db8::1');
    harness.put(APP, 'TXT', 'hello');
    const plan = await harness.plan([APP]);
    expect(plan).toMatchObject({ publish: [], conflicts: [{ hostname: APP, record: { type: 'AAAA', content: '2001:db8::1' } }] });
  });

  test('of a delegation are a conflict in the plan, are taken over when that is asked for, and given back', async () => {
    const [one, two] = ['ns1.example.net', 'ns2.example.net'];
    for (const server of [one, two]) harness.put(APP, 'NS', server);
    expect((await harness.plan([APP])).conflicts).toMatchObject([{ record: { type: 'NS', content: one } }, { record: { type: 'NS', content: two } }]);
    await harness.publish([APP], { takeover: true });
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
    await harness.publish([]);
    expect(harness.at(APP)).toEqual([`NS ${one}`, `NS ${two}`]);
  });

  test('of a delegation that came since the plan are a conflict, and stay', async () => {
    const change = only((await harness.plan([APP])).publish);
    harness.put(APP, 'NS', 'ns1.example.net');
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_CONFLICT', message: expect.stringContaining('NS ns1.example.net') as string });
    await harness.dns.undo(change, never);
    expect(harness.at(APP)).toEqual(['NS ns1.example.net']);
  });

  test('of other types stay beside ours', async () => {
    harness.put(DOMAIN, 'MX', 'mail.example.net');
    harness.put(DOMAIN, 'TXT', 'v=spf1 -all');
    harness.put(DOMAIN, 'NS', 'ns.example.net');
    await harness.publish([DOMAIN]);
    await harness.publish([]);
    expect(harness.at(DOMAIN)).toEqual(['MX mail.example.net', 'NS ns.example.net', 'TXT v=spf1 -all']);
  });

  test('are replaced by a takeover, several too, and given back as they were', async () => {
    harness.put(APP, 'A', '192.0.2.1', false);
    harness.put(APP, 'A', '192.0.2.2');
    harness.put(APP, 'TXT', 'hello');
    const other = `other.${DOMAIN}`;
    harness.put(other, 'CNAME', 'elsewhere.example.net', false);
    const before = harness.sandbox.world.records.list().map(({ name, type, content, proxied }) => ({ name, type, content, proxied }));

    await harness.publish([APP, other], { takeover: true });
    expect([harness.at(APP), harness.at(other)]).toEqual([[`CNAME ${harness.target}`, 'TXT hello'], [`CNAME ${harness.target}`]]);
    expect(harness.dns.stateOf(APP)).toBe('taken-over');
    expect(harness.events.filter(({ type }) => type === 'dns.taken-over')).toMatchObject([{ data: { hostname: APP, previousType: 'A, A' } }, { data: { hostname: other, previousContent: 'elsewhere.example.net' } }]);

    await harness.publish([]);
    const after = harness.sandbox.world.records.list().map(({ name, type, content, proxied }) => ({ name, type, content, proxied }));
    const sorted = (records: typeof before) => records.map((record) => JSON.stringify(record)).sort();
    expect(sorted(after)).toEqual(sorted(before));
    expect(typesOf().filter((type) => type === 'dns.restored')).toHaveLength(3);
    expect(harness.ledger.list()).toEqual([]);
  });

  test('come back where the takeover fails half-way, and where it was cut off', async () => {
    harness.put(APP, 'A', '192.0.2.1');
    harness.put(APP, 'A', '192.0.2.2');
    const change = only((await harness.plan([APP], { takeover: true })).publish);
    const fault = harness.sandbox.faults.api.add({ fault: { kind: 'status', status: 400, code: 81045, message: 'Record quota exceeded.' }, method: 'POST', times: 1 });
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_FAILED' });
    expect(harness.at(APP)).toEqual(['A 192.0.2.1', 'A 192.0.2.2']);
    harness.sandbox.faults.api.remove(fault);

    // Killed after the first record was gone: another process takes it back, or finishes it.
    const first = harness.sandbox.world.records.named(APP)[0];
    const zone = harness.sandbox.world.zones.find(DOMAIN);
    if (first === undefined || zone === undefined) throw new Error('no record');
    harness.sandbox.world.records.delete(zone, first.id);
    await harness.restart().undo(change, never);
    expect(harness.at(APP)).toEqual(['A 192.0.2.1', 'A 192.0.2.2']);
    await harness.restart().execute(change, never);
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
    expect(harness.ledger.get(APP)?.previous).toHaveLength(2);
  });

  test('are not touched by a removal when somebody changed ours', async () => {
    await harness.publish([APP]);
    harness.edit(APP, { content: 'elsewhere.example.net' });
    expect(await harness.publish([])).toMatchObject([{ code: 'DNS_RECORD_CHANGED', hostname: APP }]);
    expect(harness.at(APP)).toEqual(['CNAME elsewhere.example.net']);
    expect(harness.ledger.list()).toEqual([]);
  });

  test('are not touched by a removal when somebody changed ours while others went', async () => {
    const names = ['a', 'b', 'c', 'd'].map((label) => `${label}.${DOMAIN}`);
    await harness.publish(names);
    const { withdraw } = await harness.plan([]);
    const [last, ...earlier] = withdraw.toReversed();
    if (last === undefined) throw new Error('nothing to withdraw');
    for (const change of earlier) await harness.dns.execute(change, never);
    harness.edit(last.hostname, { content: 'elsewhere.example.net' });
    expect(await harness.dns.execute(last, never)).toMatchObject({ warnings: [{ code: 'DNS_RECORD_CHANGED', hostname: last.hostname }] });
    expect([harness.at(last.hostname), harness.ledger.list()]).toEqual([['CNAME elsewhere.example.net'], []]);
  });

  test.each([['CNAME', 'old.example.net', 'new.example.net'], ['A', '192.0.2.1', '192.0.2.99']])('are not taken over when somebody changed the %s since the plan', async (type, before, after) => {
    harness.put(APP, type, before);
    const change = only((await harness.plan([APP], { takeover: true })).publish);
    harness.edit(APP, { content: after });
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_CONFLICT', message: expect.stringContaining(after) as string });
    await harness.dns.undo(change, never);
    expect(harness.at(APP)).toEqual([`${type} ${after}`]);
  });

  test('are not pointed at a new tunnel when somebody changed ours since the plan', async () => {
    await harness.publish([APP]);
    const change = only((await harness.plan([APP], { tunnelId: '22222222-2222-4222-8222-222222222222' })).publish);
    harness.edit(APP, { content: 'elsewhere.example.net' });
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
    expect(harness.at(APP)).toEqual(['CNAME elsewhere.example.net']);
  });

  test('but lead to our tunnel are adopted without a write, and go with the rule', async () => {
    harness.put(APP, 'CNAME', harness.target);
    await harness.publish([APP]);
    expect(harness.requests()).toEqual([`GET zones/*/dns_records`, `GET zones/*/dns_records`]);
    expect(harness.dns.stateOf(APP)).toBe('adopted');
    await harness.publish([]);
    expect(harness.at(APP)).toEqual([]);
  });
});

describe('where answers cannot be read', () => {
  /** Carried out at Cloudflare, and answered by somebody else. */
  const unread = async (method: string, change: DnsChange, carryOut: () => void): Promise<void> => {
    harness.sandbox.faults.api.add({ fault: { kind: 'html' }, method, times: 1 });
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'CLOUDFLARE_UNEXPECTED' });
    carryOut();
  };

  /** Our record is gone, and owed all the same: nobody read that it is gone. */
  const oweWhatIsGone = async (): Promise<void> => {
    await harness.publish([APP]);
    const change = only((await harness.plan([])).withdraw);
    const zone = harness.sandbox.world.zones.find(DOMAIN);
    const [record] = harness.sandbox.world.records.named(APP);
    if (zone === undefined || record === undefined) throw new Error('no record');
    await unread('DELETE', change, () => harness.sandbox.world.records.delete(zone, record.id));
    await harness.dns.owe(change);
    expect([harness.at(APP), harness.dns.stateOf(APP)]).toEqual([[], 'owed']);
  };

  test.each(['undone', 'owed'])('what was made of a name that was owed goes when that is %s', async (how) => {
    await oweWhatIsGone();
    const change = only((await harness.plan([APP])).publish);
    await unread('POST', change, () => void harness.put(APP, 'CNAME', harness.target));
    if (how === 'undone') expect(await harness.dns.undo(change, never)).toEqual({ warnings: [] });
    else {
      await harness.restart().owe(change);
      await harness.dns.checkDrift(harness.zoneId, never);
    }
    expect([harness.at(APP), harness.ledger.list()]).toEqual([[], []]);
  });

  test('what took over the place of a name that was owed is given back when that is undone', async () => {
    await oweWhatIsGone();
    harness.put(APP, 'CNAME', 'elsewhere.example.net');
    const change = only((await harness.plan([APP], { takeover: true })).publish);
    await unread('PATCH', change, () => harness.edit(APP, { content: harness.target }));
    await harness.restart().undo(change, never);
    expect(harness.at(APP)).toEqual(['CNAME elsewhere.example.net']);
  });

  test('what somebody made in its place stays', async () => {
    await oweWhatIsGone();
    const change = only((await harness.plan([APP])).publish);
    harness.put(APP, 'A', '192.0.2.1');
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
    await harness.dns.undo(change, never);
    expect(harness.at(APP)).toEqual(['A 192.0.2.1']);
  });
});

describe('where the token may not edit DNS', () => {
  test.each([{ dnsEdit: false }, { dnsEdit: false, dnsRead: false }])('the server routes the name, and what cannot be removed is said (%o)', async (rights) => {
    harness.sandbox.world.tokens.setRights(rights);
    const other = `other.${DOMAIN}`;
    await harness.publish([APP, other]);
    expect([harness.at(APP), harness.at(other)]).toEqual([[`CNAME ${harness.target}`], [`CNAME ${harness.target}`]]);
    expect(harness.dns.stateOf(APP)).toBe('unmanaged');
    expect(harness.requests().filter((request) => request === 'POST zones/*/dns_records').length).toBeLessThanOrEqual(1);

    expect(await harness.publish([other])).toMatchObject([{ code: 'DNS_RECORD_LEFT', hostname: APP }]);
    expect(harness.dns.stateOf(APP)).toBe('owed');

    // With a token that may, what is owed goes.
    allowAll();
    expect(await harness.dns.checkDrift(harness.zoneId, never)).toMatchObject({ readable: true, owed: [] });
    expect(harness.at(APP)).toEqual([]);
  });

  test('one refusal is believed for the rest of a change, and forgotten by the next', async () => {
    const other = `other.${DOMAIN}`;
    harness.sandbox.faults.api.add({ fault: { kind: 'status', status: 403 }, method: 'POST', times: 1 });
    await harness.publish([APP, other]);
    expect([harness.dns.stateOf(APP), harness.dns.stateOf(other)]).toEqual(['unmanaged', 'unmanaged']);
    expect(await harness.publish([])).toEqual([]);
    expect([harness.at(APP), harness.at(other), harness.ledger.list()]).toEqual([[], [], []]);
  });

  test('one refusal is forgotten by a check of drift, which removes what is owed', async () => {
    await harness.publish([APP]);
    harness.sandbox.faults.api.add({ fault: { kind: 'status', status: 403 }, method: 'DELETE', times: 1 });
    expect(await harness.publish([])).toMatchObject([{ code: 'DNS_RECORD_LEFT' }]);
    expect(await harness.dns.checkDrift(harness.zoneId, never)).toMatchObject({ owed: [] });
    expect([harness.at(APP), harness.ledger.list()]).toEqual([[], []]);
  });

  test('a check of drift asks once for all that is owed', async () => {
    const names = ['a', 'b', 'c'].map((label) => `${label}.${DOMAIN}`);
    await harness.publish(names);
    harness.sandbox.world.tokens.setRights({ dnsEdit: false });
    await harness.publish([]);
    harness.requests();
    await harness.dns.removeOwedElsewhere(undefined, never);
    expect(harness.requests().filter((request) => request.startsWith('DELETE'))).toHaveLength(1);
  });

  test('a record made by hand is enough where it may be read, though nothing else is allowed', async () => {
    harness.sandbox.world.tokens.setRights({ dnsEdit: false });
    harness.routeDns = async () => Promise.reject(new SupervisorError('DNS_FORBIDDEN', 'not allowed'));
    await expect(harness.publish([APP])).rejects.toMatchObject({ code: 'DNS_FORBIDDEN', hint: expect.stringContaining('may read them, create the records by hand') as string });
    harness.put(APP, 'CNAME', harness.target);
    expect(await harness.publish([APP])).toEqual([]);
    expect(harness.dns.stateOf(APP)).toBe('adopted');
  });

  test('a route that is undone is owed', async () => {
    readNothing();
    const change = only((await harness.plan([APP])).publish);
    await harness.dns.execute(change, never);
    expect(await harness.restart().undo(change, never)).toMatchObject({ warnings: [{ code: 'DNS_RECORD_LEFT', hostname: APP }] });
    expect(harness.dns.stateOf(APP)).toBe('owed');
    allowAll();
    await harness.dns.checkDrift(harness.zoneId, never);
    expect([harness.at(APP), harness.ledger.list()]).toEqual([[], []]);
  });

  test.each([false, true])('a route that somebody made before is not ours to undo (takeover: %o)', async (takeover) => {
    readNothing();
    harness.put(APP, 'CNAME', harness.target);
    const change = only((await harness.plan([APP], { takeover })).publish);
    await harness.dns.execute(change, never);
    expect([harness.dns.stateOf(APP), typesOf()]).toEqual(['adopted', []]);
    await harness.dns.execute(change, never);
    expect(await harness.restart().undo(change, never)).toEqual({ warnings: [] });
    await harness.dns.owe(change);
    expect(harness.ledger.list()).toEqual([]);
    allowAll();
    await harness.dns.checkDrift(harness.zoneId, never);
    expect(harness.at(APP)).toEqual([`CNAME ${harness.target}`]);
  });

  test('a route that was owed before is owed again after the undo', async () => {
    harness.put(APP, 'CNAME', harness.target);
    await harness.publish([APP]);
    await harness.dns.owe(only((await harness.plan([])).withdraw));
    readNothing();
    const change = only((await harness.plan([APP])).publish);
    await harness.dns.execute(change, never);
    expect(harness.dns.stateOf(APP)).toBe('adopted');
    await harness.restart().undo(change, never);
    expect(harness.dns.stateOf(APP)).toBe('owed');
    allowAll();
    await harness.dns.checkDrift(harness.zoneId, never);
    expect([harness.at(APP), harness.ledger.list()]).toEqual([[], []]);
  });

  test('a route to another tunnel that somebody made leaves ours with the tunnel before', async () => {
    await harness.publish([APP]);
    const before = harness.ledger.get(APP);
    const made = await harness.issue().account.createTunnel('second', new Secret(Buffer.alloc(32).toString('base64')), never);
    if (made.kind !== 'created') throw new Error('no tunnel');
    harness.edit(APP, { content: tunnelTarget(made.tunnel.id) });
    readNothing();
    const change = only((await harness.plan([APP], { tunnelId: made.tunnel.id })).publish);
    await harness.dns.execute(change, never);
    await harness.restart().undo(change, never);
    expect(harness.ledger.get(APP)).toEqual(before);
  });

  test('a route that was refused is not undone', async () => {
    readNothing();
    harness.put(APP, 'A', '192.0.2.1');
    const change = only((await harness.plan([APP])).publish);
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
    expect(await harness.restart().undo(change, never)).toEqual({ warnings: [] });
    await harness.dns.owe(change);
    expect([harness.at(APP), harness.ledger.list()]).toEqual([['A 192.0.2.1'], []]);
  });

  test('a name outside the zone is never routed', async () => {
    harness.sandbox.world.tokens.setRights({ dnsEdit: false });
    await expect(harness.dns.execute({ kind: 'create-record', hostname: 'app.example.org', zoneId: harness.zoneId, content: harness.target, via: 'api' }, never)).rejects.toMatchObject({ code: 'DNS_FORBIDDEN' });
    await expect(harness.dns.execute({ kind: 'create-record', hostname: 'notexample.com', zoneId: harness.zoneId, content: harness.target, via: 'route-dns' }, never)).rejects.toMatchObject({ code: 'DNS_FORBIDDEN' });
    expect(harness.sandbox.world.records.list()).toEqual([]);
  });

  test('another name than was asked is an error that names it', async () => {
    harness.sandbox.world.tokens.setRights({ dnsEdit: false });
    harness.routeDns = async ({ hostname }) => ({ hostname: `${hostname}.${DOMAIN}`, ledHereBefore: false });
    const change = only((await harness.plan([APP])).publish);
    await expect(harness.dns.execute(change, never)).rejects.toMatchObject({ code: 'DNS_MISROUTED', message: expect.stringContaining(`${APP}.${DOMAIN}`) as string });
    expect(harness.ledger.list()).toEqual([]);
  });

  test('our own record is pointed at a new tunnel, since it was read and is ours', async () => {
    await harness.publish([APP]);
    const made = await harness.issue().account.createTunnel('second', new Secret(Buffer.alloc(32).toString('base64')), never);
    if (made.kind !== 'created') throw new Error('no tunnel');
    harness.sandbox.world.tokens.setRights({ dnsEdit: false });
    await harness.publish([APP], { tunnelId: made.tunnel.id });
    expect(harness.at(APP)).toEqual([`CNAME ${made.tunnel.id}.cfargotunnel.com`]);
  });
});
