import { readFileSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { LedgerEntry } from '../../../src/core/dns.js';
import { openDnsLedger } from '../../../src/state/dns-ledger.js';
import { failOnEvent } from '../../fixtures/recorded-events.js';
import { makeBase } from './base.js';

const entry = (hostname: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  hostname, zoneId: 'z', recordId: 'r', content: 't.cfargotunnel.com', createdAt: '2026-01-01T00:00:00.000Z', previous: [], adopted: false, removalOwed: false, ...more,
});
const previous = { id: 'p', zoneId: 'z', name: 'a.example.com', type: 'A', content: '192.0.2.1', proxied: false, ttl: 300, comment: 'mine' };

describe('the DNS ledger', () => {
  test('keeps entries by hostname, also in another process', async () => {
    const paths = makeBase();
    const ledger = await openDnsLedger(paths, failOnEvent);
    const taken = entry('a.example.com', { previous: [previous], recordId: undefined });
    await ledger.put(entry('b.example.com'));
    await ledger.put(taken);
    await ledger.put(entry('b.example.com', { removalOwed: true }));
    const again = await openDnsLedger(paths, failOnEvent);
    for (const one of [ledger, again]) {
      expect(one.list()).toEqual([taken, entry('b.example.com', { removalOwed: true })]);
      expect(one.get('a.example.com')).toEqual(taken);
      expect(one.get('c.example.com')).toBeUndefined();
    }
    expect(ledger.get('a.example.com')).toBe(taken);
  });

  test('forgets, and again without harm', async () => {
    const paths = makeBase();
    const ledger = await openDnsLedger(paths, failOnEvent);
    await ledger.put(entry('a.example.com'));
    await ledger.remove('a.example.com');
    await ledger.remove('a.example.com');
    expect([ledger.list(), (await openDnsLedger(paths, failOnEvent)).list()]).toEqual([[], []]);
  });

  test('a thousand changes of one moment are on disk when they resolve, in the order of the calls', async () => {
    const paths = makeBase();
    const ledger = await openDnsLedger(paths, failOnEvent);
    const puts = Array.from({ length: 1_000 }, async (_, index) => ledger.put(entry(`h${index}.example.com`)));
    const removed = ledger.remove('h3.example.com');
    const again = ledger.put(entry('h4.example.com', { recordId: 'new' }));
    await Promise.all([...puts, removed, again]);
    const stored = JSON.parse(readFileSync(paths.dnsLedger, 'utf8')) as { entries: LedgerEntry[] };
    expect(stored.entries).toHaveLength(999);
    expect(ledger.get('h4.example.com')?.recordId).toBe('new');
  });

  test('a change that cannot be written is not there', async () => {
    const paths = makeBase();
    const ledger = await openDnsLedger(paths, failOnEvent);
    await ledger.put(entry('a.example.com'));
    rmSync(paths.baseDir, { recursive: true });
    await expect(ledger.put(entry('b.example.com'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await expect(ledger.remove('a.example.com')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    expect(ledger.list().map(({ hostname }) => hostname)).toEqual(['a.example.com']);
  });
});
