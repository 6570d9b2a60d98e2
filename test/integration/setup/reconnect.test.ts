import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LedgerEntry } from '../../../src/core/dns.js';
import { startSetupHarness, type SetupHarness } from './setup-harness.js';

let harness: SetupHarness;
beforeEach(async () => {
  harness = await startSetupHarness({ accounts: [{ name: 'One', zones: ['example.com', 'example.net'] }, { name: 'Two', zones: ['example.org'] }] });
});
afterEach(async () => {
  await harness.close();
});

const eventsOf = (type: string): readonly unknown[] => harness.events.flatMap((event) => (event.type === type ? [event.data] : []));

describe('a reconnect', () => {
  const setUpIn = async (zone: string, name: string): Promise<void> => {
    const session = harness.createSession();
    await session.start({ certificate: harness.issue(zone).pem, name }).outcome;
    await session.settled();
  };

  test('to another tunnel deletes the old one, which we made', async () => {
    await setUpIn('example.com', 'one');
    await setUpIn('example.com', 'two');
    expect(harness.tunnels()).toEqual(['two']);
    expect(await harness.files()).toEqual([`${(await harness.installed())?.identity.id ?? ''}.json`, 'cert.pem', 'tunnel.json'].sort());
  });

  test('to another account keeps the old certificate while records are owed, and deletes the old tunnel under it', async () => {
    await setUpIn('example.com', 'one');
    const old = await harness.installed();
    const entry: LedgerEntry = { hostname: 'app.example.com', zoneId: old?.identity.zoneId ?? '', recordId: 'r', content: 'x', createdAt: '', previous: [], adopted: false, removalOwed: true };
    harness.ledger = [entry];
    await setUpIn('example.org', 'two');
    expect(harness.tunnels()).toEqual(['two']);
    expect(await harness.files()).toContain(`retired/${entry.zoneId}.pem`);
    harness.ledger = [];
    await setUpIn('example.org', 'two');
    await harness.ports.retired.prune();
    expect((await harness.files()).filter((file) => file.startsWith('retired/'))).toEqual([]);
  });

  test('keeps the key to the zone that it leaves, whoever tidies up meanwhile, and only where it is left', async () => {
    await setUpIn('example.com', 'one');
    const old = await harness.installed();
    harness.ledger = [{ hostname: 'app.example.com', zoneId: old?.identity.zoneId ?? '', recordId: 'r', content: 'x', createdAt: '', previous: [], adopted: false, removalOwed: false }];
    // As a look for drift does.
    harness.beforePublish = async () => {
      await harness.ports.retired.prune();
      throw new Error('not today');
    };
    await setUpIn('example.org', 'two').catch(() => undefined);
    expect((await harness.files()).filter((file) => file.startsWith('retired/'))).toEqual([]);
    harness.beforePublish = async () => harness.ports.retired.prune();
    await setUpIn('example.org', 'two');
    expect(await harness.files()).toContain(`retired/${old?.identity.zoneId ?? ''}.pem`);
  });

  test('leaves an old tunnel that we did not make, and one that is in use by others', async () => {
    harness.sandbox.world.tunnels.create(harness.issue().certificate.accountId, 'one');
    await setUpIn('example.com', 'one');
    await setUpIn('example.com', 'two');
    expect(harness.tunnels()).toEqual(['one', 'two']);

    const { openAccount } = harness.ports;
    const crowded = harness.createSession({
      openAccount: (pem) => ({ ...openAccount(pem), listConnectors: async () => [{ id: 'theirs', originIp: undefined, version: undefined }] }),
    });
    await crowded.start({ certificate: harness.issue().pem, name: 'three' }).outcome;
    await crowded.settled();
    expect(harness.tunnels()).toEqual(['one', 'three', 'two']);
    expect(eventsOf('daemon.warned')).toMatchObject([{ code: 'TUNNEL_LEFT' }]);
  });

  test('does not wait for the old connectors to drain, but deletes their tunnel only then', async () => {
    await setUpIn('example.com', 'one');
    const connectors = new EventEmitter();
    const asked = once(connectors, 'asked');
    const session = harness.createSession({
      drained: async () => {
        connectors.emit('asked');
        await once(connectors, 'ended');
      },
    });
    await session.start({ certificate: harness.issue().pem, name: 'two' }).outcome;
    await asked;
    expect(harness.tunnels()).toEqual(['one', 'two']);
    expect(session.status()).toMatchObject({ state: 'completed' });
    connectors.emit('ended');
    await session.settled();
    expect(harness.tunnels()).toEqual(['two']);
  });

  test('that is cancelled too late says so at once, and not when the old tunnel is gone', async () => {
    await setUpIn('example.com', 'one');
    const connectors = new EventEmitter();
    const publishing = once(connectors, 'publishing');
    const cancelled = once(connectors, 'cancelled');
    const ended = once(connectors, 'ended');
    harness.beforePublish = async () => {
      connectors.emit('publishing');
      await cancelled;
    };
    const session = harness.createSession({ drained: async () => void (await ended) });
    void session.start({ certificate: harness.issue().pem, name: 'two' }).outcome;
    await publishing;
    const answer = session.cancel();
    connectors.emit('cancelled');
    expect(await answer).toBe(false);
    expect(harness.tunnels()).toEqual(['one', 'two']);
    connectors.emit('ended');
    await session.settled();
  });
});
