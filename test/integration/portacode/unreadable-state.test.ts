import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PortacodeEvent } from '../../../src/portacode/events.js';
import { createPortacodeRig, eventually, type PortacodeRig } from './portacode-rig.js';

/** In the place of the tunnel's state file stands what cannot be read, whoever the daemon works for. */
function spoilTunnelFile({ directory, stateDir }: PortacodeRig): void {
  mkdirSync(stateDir, { recursive: true });
  writeFileSync(join(directory, 'plain'), '');
  const path = join(stateDir, 'cloudflare_tunnel.json');
  rmSync(path, { force: true });
  symlinkSync(join(directory, 'plain', 'below'), path);
}

/** The first event of this kind that who follows is told; rejects with the end of the stream. */
async function hear(rig: PortacodeRig, kind: string, since?: number): Promise<PortacodeEvent> {
  return new Promise((resolve, reject) => {
    rig.send({ cmd: 'follow', ...(since === undefined ? {} : { since }) }, (event) => {
      if (event.event === kind) resolve(event);
    }).then(() => reject(new Error('the stream ended')), reject);
  });
}

test('a state file that cannot be read costs who follows what it says, and nobody the daemon', async () => {
  const rig = await createPortacodeRig();
  const daemon = await rig.serve();
  await rig.connect();
  spoilTunnelFile(rig);
  const [live] = await Promise.all([hear(rig, 'cloudflare_tunnel_configured'), hear(rig, 'supervisor_following').then(() => rig.setUp())]);
  expect(live).toMatchObject({ success: true, cloudflare_tunnel: {} });
  expect(await hear(rig, 'cloudflare_tunnel_configured', 1)).toMatchObject({ success: true, cloudflare_tunnel: {} });
  expect((await rig.client.status()).daemon.pid).toBe(daemon.pid);
  expect(daemon.log()).toContain('the state file of the tunnel could not be read');
});

test('nor does it make a failure of a setup that succeeded', async () => {
  const rig = await createPortacodeRig();
  await rig.serve();
  await rig.connect();
  spoilTunnelFile(rig);
  expect(await rig.connect()).toMatchObject({ event: 'cloudflare_tunnel_configured', success: true, cloudflare_tunnel: {} });
});

test('what could not be read or written is nothing to look at any more, once it is repaired and written', async () => {
  const rig = await createPortacodeRig();
  const first = await rig.serve();
  await rig.connect();
  first.kill('SIGTERM');
  await first.ended;
  const attention = async (): Promise<readonly string[]> => (await rig.client.status()).attention.map(({ code }) => code).filter((code) => code !== 'RUNS_AS_ROOT');

  spoilTunnelFile(rig);
  await rig.serve();
  await eventually(attention).toEqual(['STORAGE_FAILED']);
  expect(await rig.client.addRule({ hostname: 'a.example.com', destination: 'http://127.0.0.1:1' })).toMatchObject({ warnings: [{ code: 'STORAGE_FAILED' }] });
  expect(await attention()).toEqual(['STORAGE_FAILED']);

  rmSync(join(rig.stateDir, 'cloudflare_tunnel.json'));
  expect(await rig.client.addRule({ hostname: 'b.example.com', destination: 'http://127.0.0.1:1' })).toMatchObject({ warnings: [] });
  expect(await attention()).toEqual([]);
});
