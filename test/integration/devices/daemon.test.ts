import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SupervisorEvent } from '../../../src/core/events.js';
import { managed, startProxmox, type FakeProxmox } from '../../fixtures/proxmox/fake-proxmox.mjs';
import { createRig, type Daemon, type Rig } from '../daemon/rig.js';
import { leaseLines, type LeaseLine } from './device-world.js';

/** The daemon as a process, with Portacode's state directory, a lease file and Proxmox: names follow their devices. */

const CLI = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

const mac = (number: number): string => `bc:24:11:00:00:${number.toString(16).padStart(2, '0')}`;
const ip = (number: number): string => `10.10.0.${number}`;

interface DeviceRig {
  readonly rig: Rig;
  readonly proxmox: FakeProxmox;
  readonly writeLeases: (...lines: LeaseLine[]) => Promise<void>;
  readonly leaseFile: string;
  /** Ends the daemon, and starts another one. */
  readonly restart: () => Promise<void>;
  /** `device@address` of each rule, in order; 503 where it has none. */
  readonly served: () => Promise<readonly string[]>;
  readonly seq: () => Promise<number>;
}

/** The names 1.example.com, 2.example.com and 3.example.com lead to devices of these numbers at 10.10.0.1, 2 and 3. */
async function createDeviceRig(devices: readonly number[] = [1, 2, 3]): Promise<DeviceRig> {
  const rig = await createRig();
  const proxmox = await startProxmox();
  onTestFinished(() => proxmox.close());
  const stateDir = join(rig.directory, 'state');
  const leaseFile = join(rig.directory, 'dnsmasq.leases');
  await mkdir(stateDir, { recursive: true });
  await writeFile(join(stateDir, 'proxmox_infra.json'), JSON.stringify(proxmox.infra()));
  const writeLeases = (...lines: LeaseLine[]): Promise<void> => writeFile(leaseFile, leaseLines(lines));
  for (const number of [1, 2, 3]) proxmox.containers.set(100 + number, { config: managed(String(number), mac(number)) });
  await writeLeases([mac(1), ip(1)], [mac(2), ip(2)], [mac(3), ip(3)]);
  const start = (): Promise<Daemon> => rig.start({ CLOUDFLARED_SUPERVISOR_LEASE_FILE: leaseFile, CLOUDFLARED_SUPERVISOR_PROXMOX_FINGERPRINT: proxmox.fingerprint });
  let daemon = await start();
  await rig.setUp();
  if (devices.length > 0) await rig.client.replaceForwarding({ rules: rulesFor(...devices) });
  return {
    rig, proxmox, writeLeases, leaseFile,
    restart: async () => {
      daemon.kill('SIGTERM');
      await daemon.ended;
      daemon = await start();
    },
    served: async () => (await rig.client.status()).rules.map(({ destination, resolvedIp }) => `${/\[(\d+)\]/.exec(destination)?.[1] ?? destination}@${resolvedIp ?? '503'}`),
    seq: async () => {
      for await (const line of rig.client.events({})) if (line.type === 'snapshot') return line.data.newestSeq;
      return 0;
    },
  };
}

const rulesFor = (...devices: readonly number[]) => devices.map((number) => ({ hostname: `${number}.example.com`, destination: `http://[${number}]:8080` }));

const isApplied = ({ type }: SupervisorEvent): boolean => type === 'forwarding.applied';

describe('devices of a running daemon', () => {
  test('are resolved for a change; one that nobody knows is 503 under its name, the others are live', async () => {
    const { rig, served } = await createDeviceRig([]);
    const change = await rig.client.replaceForwarding({ rules: rulesFor(1, 4, 2) });
    expect(change).toMatchObject({ outcome: 'applied', warnings: [{ code: 'DEVICE_UNRESOLVED', hostname: '4.example.com' }] });
    expect(await served()).toEqual(['1@10.10.0.1', '4@503', '2@10.10.0.2']);
    expect(await readFile(join(rig.baseDir, 'config.yml'), 'utf8')).toMatch(/hostname: "4\.example\.com"\n\s+service: "http_status:503"/);
    expect(rig.recordNames()).toEqual(['1.example.com', '2.example.com', '4.example.com']);
  });

  test('three that moved at once are one change, with an event for each', async () => {
    const { rig, writeLeases, served, seq } = await createDeviceRig();
    const before = await seq();
    await writeLeases([mac(1), ip(11)], [mac(2), ip(12)], [mac(3), ip(13)]);
    const applied = await rig.waitFor(isApplied, before);
    expect(applied.data).toMatchObject({ reason: 'device' });
    expect(await served()).toEqual(['1@10.10.0.11', '2@10.10.0.12', '3@10.10.0.13']);
    const events: SupervisorEvent[] = [];
    await rig.waitFor((event) => {
      events.push(event);
      return event.seq >= applied.seq;
    }, before);
    expect(events.filter(({ type }) => type === 'device.address-changed').map(({ data }) => data)).toEqual([1, 2, 3].map((number) => ({ deviceId: String(number), from: ip(number), to: ip(10 + number), reason: 'it has a lease' })));
    expect(events.filter(({ type }) => type === 'forwarding.accepted')).toHaveLength(1);
  });

  test('an address that is somebody else\'s is withdrawn ahead of a change that waits for Cloudflare', async () => {
    const { rig, writeLeases, served, seq } = await createDeviceRig();
    const fault = rig.sandbox.faults.api.add({ method: 'POST', path: 'zones/*/dns_records', fault: { kind: 'status', status: 503 } });
    const before = await seq();
    const waiting = rig.client.addRule({ hostname: 'new.example.com', destination: 'http_status:200' });
    await rig.waitFor(({ type, data }) => type === 'forwarding.progressed' && 'step' in data && data.step === 'publish-record', before);
    await writeLeases([mac(99), ip(1)], [mac(2), ip(2)], [mac(3), ip(3)]);
    await rig.waitFor(({ type, data }) => type === 'device.address-changed' && 'to' in data && data.to === null, before);
    await rig.waitFor(isApplied, before);
    expect(await served()).toEqual(['1@503', '2@10.10.0.2', '3@10.10.0.3']);
    rig.sandbox.faults.api.remove(fault);
    expect(await waiting).toMatchObject({ outcome: 'applied', rules: [{ status: 'unresolved' }, { status: 'live' }, { status: 'live' }, { status: 'live', dns: 'created' }] });
  });

  test('are served at their last known addresses while Proxmox and the lease file are away, also after a restart', async () => {
    const { rig, proxmox, leaseFile, restart, served } = await createDeviceRig();
    await proxmox.stop();
    await rm(leaseFile);
    const change = await rig.client.replaceForwarding({ rules: rulesFor(3, 1, 4) });
    expect(change.outcome).toBe('applied');
    expect(change.warnings.map(({ code, hostname }) => `${code} ${hostname ?? ''}`)).toEqual(['DEVICE_ADDRESS_LAST_KNOWN 3.example.com', 'DEVICE_ADDRESS_LAST_KNOWN 1.example.com', 'DEVICE_UNRESOLVED 4.example.com']);
    expect(await served()).toEqual(['3@10.10.0.3', '1@10.10.0.1', '4@503']);
    await restart();
    const again = await rig.client.addRule({ hostname: 'x.example.com', destination: 'http://[1]:9000' });
    expect(again.warnings.map(({ code }) => code)).toContain('DEVICE_ADDRESS_LAST_KNOWN');
    expect(await served()).toEqual(['3@10.10.0.3', '1@10.10.0.1', '4@503', '1@10.10.0.1']);
  });

  test('of removed containers: rules and DNS records go', async () => {
    const { rig, proxmox, served } = await createDeviceRig();
    proxmox.containers.delete(102);
    expect(await rig.client.reconcile({ device: '2' })).toMatchObject({ changed: true, warnings: [] });
    expect(await served()).toEqual(['1@10.10.0.1', '3@10.10.0.3']);
    expect(rig.recordNames()).toEqual(['1.example.com', '3.example.com']);
  });

  test('reconcile waits for a lease and holds up nobody', async () => {
    const { rig, writeLeases, served } = await createDeviceRig();
    await writeLeases([mac(1), ip(1)], [mac(3), ip(3)]);
    const reconciled = rig.client.reconcile({ device: '2' });
    expect(await rig.client.addRule({ hostname: 'x.example.com', destination: 'http://[1]:9000' })).toMatchObject({ outcome: 'applied' });
    await writeLeases([mac(1), ip(1)], [mac(2), ip(22)], [mac(3), ip(3)]);
    expect(await reconciled).toMatchObject({ changed: true });
    expect(await served()).toEqual(['1@10.10.0.1', '2@10.10.0.22', '3@10.10.0.3', '1@10.10.0.1']);
    expect(await rig.client.reconcile({ device: '2' })).toMatchObject({ changed: false, warnings: [] });
  });

  test('reconcile shows the rules as status does, also where nothing is published any more', async () => {
    const { rig } = await createDeviceRig([1, 2]);
    await rig.client.disconnect({});
    expect((await rig.client.reconcile({})).rules).toEqual((await rig.client.status()).rules);
    expect((await rig.client.reconcile({})).rules).toMatchObject([{ status: 'outside-zone' }, { status: 'outside-zone' }]);
  });

  test('reconcile of one device is about that device, and refuses what is none', async () => {
    const { rig, writeLeases } = await createDeviceRig([1, 2]);
    await writeLeases([mac(1), ip(1)], [mac(2), ip(22)]);
    expect((await rig.client.reconcile({ device: '2' })).rules).toMatchObject([{ hostname: '2.example.com', resolvedIp: ip(22) }]);
    expect((await rig.client.reconcile({ device: '2' })).rules).toMatchObject([{ hostname: '2.example.com' }]);
    expect(await rig.client.reconcile({ device: '999' })).toMatchObject({ changed: false, rules: [] });
    for (const device of ['abc', '0x2', '-1', ' 2', '1'.repeat(21)]) await expect(rig.client.reconcile({ device })).rejects.toMatchObject({ code: 'REQUEST_INVALID', problems: [{ field: 'device' }] });

    const say = (...args: readonly string[]) => execa({ reject: false, env: { CLOUDFLARED_SUPERVISOR_BASE_DIR: rig.baseDir } })(process.execPath, [CLI, 'reconcile', ...args]);
    expect(await say('abc')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('device: must be the number of a device') as unknown });
    expect(await say('999')).toMatchObject({ exitCode: 0, stdout: 'No rule leads to device 999.' });
    expect((await say('2')).stdout).toMatch(/^No address had changed\.\n.*2\.example\.com/);
  });

  test('that swapped their addresses do not serve each other', async () => {
    const { rig, writeLeases, served, seq } = await createDeviceRig([1, 2]);
    const before = await seq();
    await writeLeases([mac(1), ip(2)], [mac(2), ip(1)]);
    const withdrawn = await rig.waitFor(isApplied, before);
    const found = await rig.waitFor(isApplied, withdrawn.seq);
    expect('rules' in withdrawn.data ? withdrawn.data.rules.map(({ resolvedIp }) => resolvedIp) : []).toEqual([null, null]);
    expect('rules' in found.data ? found.data.rules.map(({ resolvedIp }) => resolvedIp) : []).toEqual([ip(2), ip(1)]);
    expect(await served()).toEqual(['1@10.10.0.2', '2@10.10.0.1']);
  });
});
