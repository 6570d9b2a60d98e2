import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TrustOptions } from '../../../src/devices/proxmox/access.js';
import { managed } from '../../fixtures/proxmox/fake-proxmox.mjs';
import { createDeviceWorld, resolveOne, type DeviceWorld } from './device-world.js';

const MAC = 'bc:24:11:00:00:01';
const A = '10.10.0.101';

async function worldWith(trust: TrustOptions | ((world: DeviceWorld) => Promise<Record<string, unknown>>)): Promise<DeviceWorld> {
  const world = await createDeviceWorld(typeof trust === 'function' ? {} : { trust });
  if (typeof trust === 'function') await world.writeInfra(await trust(world));
  world.proxmox.containers.set(101, { config: managed('598', MAC) });
  await world.writeLeases([MAC, A]);
  return world;
}

const writeCa = async (world: DeviceWorld, pem = world.proxmox.caPem): Promise<string> => {
  const file = join(world.directory, 'proxmox-ca.pem');
  await writeFile(file, pem);
  return file;
};

describe('the certificate of Proxmox', () => {
  test.each<[string, (world: DeviceWorld) => Promise<Record<string, unknown>>]>([
    ['is not verified by default', async () => ({})],
    ['is verified by its CA', async (world) => ({ ca_file: await writeCa(world) })],
    ['is verified by its fingerprint', async (world) => ({ fingerprint: world.proxmox.fingerprint })],
    ['is verified by its fingerprint though it was to be verified by its issuer', async (world) => ({ verify_ssl: true, fingerprint: world.proxmox.fingerprint.toLowerCase() })],
  ])('%s', async (_, trust) => {
    const world = await worldWith(trust);
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
  });

  test.each<[string, (world: DeviceWorld) => Promise<Record<string, unknown>>, RegExp]>([
    ['of an unknown issuer', async () => ({ verify_ssl: true }), /is not trusted \(\w+\)/],
    ['of another issuer', async (world) => ({ ca_file: await writeCa(world, (await createDeviceWorld()).proxmox.caPem) }), /is not trusted \(\w+\)/],
    ['for another name', async (world) => ({ ca_file: await writeCa(world), host: world.proxmox.infra().host.replace('127.0.0.1', 'other.localhost') }), /is not trusted \(ERR_TLS_CERT_ALTNAME_INVALID\)|ENOTFOUND/],
    ['with another fingerprint', async () => ({ fingerprint: 'ab'.repeat(32) }), /has another fingerprint than was given/],
    ['with a CA file that is not there', async () => ({ ca_file: '/not/there.pem' }), /names \/not\/there\.pem, which cannot be read/],
  ])('%s is refused before the token is sent', async (_, trust, why) => {
    const world = await worldWith(trust);
    expect(await resolveOne(world.devices, '598')).toMatch(why);
    expect(world.proxmox.requests).toEqual([]);
  });

  test('an option goes over the file', async () => {
    const world = await worldWith({ fingerprint: 'ab'.repeat(32) });
    expect(await resolveOne(world.devices, '598')).toMatch(/another fingerprint/);
  });

  test('a CA file that is put in place later counts from then on', async () => {
    const world = await worldWith(async ({ directory }) => ({ ca_file: join(directory, 'proxmox-ca.pem') }));
    expect(await resolveOne(world.devices, '598')).toMatch(/cannot be read/);
    await writeCa(world);
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
  });

  test('that it is not verified is said once', async () => {
    const world = await worldWith({});
    await resolveOne(world.devices, '598');
    await world.writeInfra({ node: 'other' });
    await resolveOne(world.devices, '598');
    expect(world.events.all.filter(({ type }) => type === 'daemon.warned')).toEqual([{ type: 'daemon.warned', data: { code: 'PROXMOX_UNVERIFIED', message: expect.stringContaining('is not verified') as string } }]);
  });

  test('one that is verified needs no warning', async () => {
    const world = await worldWith(async ({ proxmox }) => ({ fingerprint: proxmox.fingerprint }));
    await resolveOne(world.devices, '598');
    expect(world.events.all.filter(({ type }) => type === 'daemon.warned')).toEqual([]);
  });
});

describe('requests', () => {
  test('a connection that is cut is tried again', async () => {
    const world = await worldWith({});
    world.proxmox.fail({ kind: 'reset' });
    const answer = resolveOne(world.devices, '598');
    await world.proxmox.requested(/lxc/);
    world.proxmox.heal();
    expect(await answer).toBe(`lease ${A}`);
  });

  test('nobody there is tried again, and then not for every device anew', async () => {
    const world = await worldWith({});
    await world.proxmox.stop();
    const answers = await world.devices.resolve(Array.from({ length: 100 }, (_, index) => String(index)));
    expect([...answers.values()].every((answer) => answer.kind === 'unresolved' && answer.reason.includes('ECONNREFUSED'))).toBe(true);
    await world.proxmox.start();
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
  });

  test('the token stands in no message', async () => {
    const world = await worldWith({});
    world.proxmox.fail({ kind: 'status', status: 500, statusText: 'no', body: JSON.stringify({ message: 'bad\nthing\n', data: null }) });
    const answer = await resolveOne(world.devices, '598');
    expect(answer).toMatch(/answered 500: no bad\\nthing|answered 500: no bad/);
    expect(answer).not.toContain('11111111');
  });

  test('what Proxmox says is said once, though it says it twice', async () => {
    const world = await worldWith({});
    world.proxmox.fail({ kind: 'status', status: 500, statusText: 'got timeout', body: JSON.stringify({ message: 'got timeout\n', data: null }) });
    expect(await resolveOne(world.devices, '598')).toMatch(/answered 500: got timeout$/);
  });

  test('a change of Proxmox\'s file counts at once', async () => {
    const world = await worldWith({});
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
    await world.writeInfra({ token_value: 'wrong-token-value' });
    expect(await resolveOne(world.devices, '598')).toMatch(/does not accept the token/);
    await world.writeInfra();
    expect(await resolveOne(world.devices, '598')).toBe(`lease ${A}`);
  });
});
