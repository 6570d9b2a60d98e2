import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import { systemClock } from '../../../src/core/clock.js';
import type { RecordedAddress } from '../../../src/core/revision.js';
import { createAddressBook } from '../../../src/devices/address-book.js';
import { createContainerFinder } from '../../../src/devices/container-finder.js';
import { createDeviceDirectory, type DeviceDirectory } from '../../../src/devices/directory.js';
import { createLeaseFile, type LeaseFile } from '../../../src/devices/lease-file.js';
import { createProxmoxConnection } from '../../../src/devices/proxmox/connection.js';
import type { TrustOptions } from '../../../src/devices/proxmox/access.js';
import { silentLogger } from '../../../src/host/logging.js';
import { createRedactor } from '../../../src/host/redact.js';
import { startProxmox, type FakeProxmox } from '../../fixtures/proxmox/fake-proxmox.mjs';
import { recordEvents, type RecordedEvents } from '../../fixtures/recorded-events.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

/** One line of a lease file. `seconds` from now; 0 never ends, negative is over. */
export type LeaseLine = readonly [mac: string, address: string, seconds?: number];

export interface DeviceWorld {
  readonly directory: string;
  readonly stateDir: string;
  readonly proxmox: FakeProxmox;
  readonly devices: DeviceDirectory;
  readonly leaseFile: LeaseFile;
  readonly events: RecordedEvents;
  /** As a daemon that was started anew sees it. */
  reopen(): DeviceDirectory;
  writeLeases(...lines: LeaseLine[]): Promise<void>;
  writeInfra(more?: Record<string, unknown>): Promise<void>;
  writeRecord(vmid: number, record: unknown): Promise<void>;
}

export interface WorldOptions {
  readonly clock?: Clock;
  readonly trust?: TrustOptions;
  readonly recorded?: () => readonly RecordedAddress[];
}

export const leaseLines = (lines: readonly LeaseLine[]): string =>
  lines.map(([mac, address, seconds = 3600]) => `${seconds === 0 ? 0 : Math.round(Date.now() / 1000) + seconds} ${mac} ${address} * 01:${mac}\n`).join('');

/** Portacode's state directory, a lease file, and Proxmox over TLS. */
export async function createDeviceWorld({ clock = systemClock, trust = {}, recorded = () => [] }: WorldOptions = {}): Promise<DeviceWorld> {
  const directory = tempDirectory();
  const stateDir = join(directory, 'portacode');
  await mkdir(join(stateDir, 'containers'), { recursive: true });
  const proxmox = await startProxmox();
  const leaseFile = createLeaseFile(join(directory, 'dnsmasq.leases'), clock);
  const events = recordEvents();
  const connections: { close(): Promise<void> }[] = [];
  onTestFinished(async () => {
    for (const connection of connections) await connection.close();
    await proxmox.close();
  });

  const open = (): DeviceDirectory => {
    const connection = createProxmoxConnection({ path: join(stateDir, 'proxmox_infra.json'), trust, env: {}, clock, emit: events.emit, redactor: createRedactor() });
    connections.push(connection);
    const book = createAddressBook({ path: join(directory, 'addresses.json'), recorded, emit: events.emit, clock, logger: silentLogger });
    const finder = createContainerFinder({ proxmox: connection, recordsDirectory: join(stateDir, 'containers'), clock });
    return createDeviceDirectory({ book, finder, leaseFile, clock });
  };
  const world: DeviceWorld = {
    directory, stateDir, proxmox, leaseFile, events,
    devices: open(),
    reopen: open,
    writeLeases: (...lines) => writeFile(leaseFile.path, leaseLines(lines)),
    writeInfra: (more) => writeFile(join(stateDir, 'proxmox_infra.json'), JSON.stringify(proxmox.infra(more))),
    writeRecord: (vmid, record) => writeFile(join(stateDir, 'containers', `ct-${vmid}.json`), typeof record === 'string' ? record : JSON.stringify(record)),
  };
  await world.writeInfra();
  await world.writeLeases();
  return world;
}

/** What a device resolves to, in one word each. */
export async function resolveOne(devices: DeviceDirectory, deviceId: string): Promise<string> {
  const answer = (await devices.resolve([deviceId])).get(deviceId);
  if (answer === undefined) return 'no answer';
  return answer.kind === 'found' ? `${answer.source} ${answer.address}${answer.doubt === undefined ? '' : ` (${answer.doubt})`}` : `unresolved: ${answer.reason}`;
}
