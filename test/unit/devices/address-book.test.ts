import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import type { RecordedAddress } from '../../../src/core/revision.js';
import { createAddressBook, type AddressBook, type Observation } from '../../../src/devices/address-book.js';
import { silentLogger } from '../../../src/host/logging.js';
import { recordEvents } from '../../fixtures/recorded-events.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const MAC = 'bc:24:11:00:00:01';
const seen = (deviceId: string, address: string | undefined, more: Partial<Observation> = {}): Observation => ({ deviceId, vmid: 101, node: 'pve', macs: [MAC], address, mac: address === undefined ? undefined : MAC, source: 'lease', reason: 'it has a lease', ...more });

function openBook(path: string, recorded: readonly RecordedAddress[] = []) {
  const events = recordEvents();
  const open = (): AddressBook => createAddressBook({ path, recorded: () => recorded, emit: events.emit, clock: systemClock, logger: silentLogger });
  return { events, open, book: open() };
}

describe('the book of addresses', () => {
  test('keeps what was seen over restarts, and reports what changed', async () => {
    const path = join(tempDirectory(), 'addresses.json');
    const { book, open, events } = openBook(path);
    expect(await book.recall('598')).toBeUndefined();
    await book.note([seen('598', '10.10.0.101')]);
    await book.note([seen('598', '10.10.0.101'), seen('599', undefined)]);
    await book.note([seen('598', '10.10.0.102')]);
    expect(await open().recall('598')).toMatchObject({ vmid: 101, node: 'pve', macs: [MAC], address: '10.10.0.102', mac: MAC, source: 'lease' });
    expect(await open().recall('599')).toMatchObject({ macs: [MAC], address: undefined });
    expect(events.all.map(({ data }) => data)).toEqual([
      { deviceId: '598', from: null, to: '10.10.0.101', reason: 'it has a lease' },
      { deviceId: '598', from: '10.10.0.101', to: '10.10.0.102', reason: 'it has a lease' },
    ]);
  });

  test('goes by the revision where it knows nothing, and no longer once an address was lost', async () => {
    const recorded = [{ deviceId: '598', address: '10.10.0.101', mac: MAC, at: '2026-01-01T00:00:00.000Z' }];
    const { book } = openBook(join(tempDirectory(), 'addresses.json'), recorded);
    expect(await book.recall('598')).toEqual({ vmid: undefined, node: undefined, macs: [MAC], address: '10.10.0.101', mac: MAC, source: 'last-known', at: '2026-01-01T00:00:00.000Z' });
    await book.note([seen('598', undefined)]);
    expect(await book.recall('598')).toMatchObject({ address: undefined });
  });

  test('takes over what somebody else recorded, but never over what was seen', async () => {
    const { book, open } = openBook(join(tempDirectory(), 'addresses.json'));
    await book.note([seen('598', '10.10.0.101')]);
    await book.seed([{ deviceId: '598', address: '10.10.0.9' }, { deviceId: '600', address: '10.10.0.8' }]);
    expect((await open().recall('598'))?.address).toBe('10.10.0.101');
    expect(await open().recall('600')).toMatchObject({ address: '10.10.0.8', mac: undefined, macs: [], source: 'last-known' });
  });

  test('forgets a device whose container was removed', async () => {
    const path = join(tempDirectory(), 'addresses.json');
    const { book, open } = openBook(path);
    await book.note([seen('598', '10.10.0.101')]);
    await book.forget(['598', '1']);
    expect(await open().recall('598')).toBeUndefined();
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ schemaVersion: 1, devices: {} });
  });

  test('a file of a newer version is not touched, and addresses are known all the same', async () => {
    const path = join(tempDirectory(), 'addresses.json');
    const newer = '{"schemaVersion":99,"devices":[]}';
    await writeFile(path, newer);
    const { book } = openBook(path);
    await book.note([seen('598', '10.10.0.101')]);
    expect((await book.recall('598'))?.address).toBe('10.10.0.101');
    expect(await readFile(path, 'utf8')).toBe(newer);
  });

  test('a directory that cannot be written stops nobody', async () => {
    const { book } = openBook(join(tempDirectory(), 'not-there', 'addresses.json'));
    await book.note([seen('598', '10.10.0.101')]);
    expect((await book.recall('598'))?.address).toBe('10.10.0.101');
  });
});
