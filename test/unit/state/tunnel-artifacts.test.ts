import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import type { TunnelCredentials, TunnelIdentity } from '../../../src/core/tunnel.js';
import type { BasePaths } from '../../../src/host/base-paths.js';
import { readCredentials, writeCredentials } from '../../../src/state/credentials-file.js';
import { createRetiredCertificates } from '../../../src/state/retired-certificates.js';
import { createTunnelArtifacts } from '../../../src/state/tunnel-artifacts.js';
import { createTunnelDocument } from '../../../src/state/tunnel-document.js';
import { createTunnelStaging } from '../../../src/state/tunnel-staging.js';
import { failOnEvent } from '../../fixtures/recorded-events.js';
import { makeBase } from './base.js';

const ID_A = '11111111-1111-4111-8111-111111111111';
const ID_B = '22222222-2222-4222-8222-222222222222';
const identity = (id: string): TunnelIdentity => ({ id, name: `n-${id}`, accountId: 'acc', zoneId: 'zone', domain: 'example.com', madeByUs: true, joined: false });
const credentials = (id: string, secret = 'c2VjcmV0'): TunnelCredentials => ({ accountTag: 'acc', tunnelId: id, tunnelSecret: new Secret(secret), endpoint: '' });

/** All that is in use, as text. */
const inUse = (paths: BasePaths): Record<string, string> => Object.fromEntries(['cert.pem', 'tunnel.json', `${ID_A}.json`, `${ID_B}.json`].filter((name) => existsSync(join(paths.baseDir, name))).map((name) => [name, readFileSync(join(paths.baseDir, name), 'utf8')]));

async function makeSetup({ installed }: { readonly installed: boolean }): Promise<{ readonly paths: BasePaths; readonly artifacts: ReturnType<typeof createTunnelArtifacts>; readonly staging: ReturnType<typeof createTunnelStaging> }> {
  const paths = makeBase();
  const staging = createTunnelStaging(paths, failOnEvent);
  if (installed) {
    writeFileSync(paths.certPem, 'old certificate');
    await createTunnelDocument(paths.tunnelDocument, failOnEvent).write(identity(ID_A));
    await writeCredentials(paths.credentials(ID_A), credentials(ID_A));
  }
  await staging.writeCertificate(new Secret('new certificate'));
  return { paths, staging, artifacts: createTunnelArtifacts(paths, staging, failOnEvent) };
}

describe('staging', () => {
  test('gives back what was written, secrets among it, and is private', async () => {
    const { paths, staging } = await makeSetup({ installed: false });
    await staging.writeIntent({ name: 'n', accountId: 'a', secret: new Secret('c2VjcmV0') });
    await staging.writeTunnel({ identity: identity(ID_B), credentials: credentials(ID_B) });
    await staging.writePrevious({ identity: identity(ID_A), certificate: new Secret('old'), credentials: undefined });
    const again = createTunnelStaging(paths, failOnEvent);
    const read = [await again.readCertificate(), (await again.readIntent())?.secret, (await again.readTunnel())?.credentials.tunnelSecret, (await again.readPrevious())?.certificate];
    expect(read.map((secret) => secret?.reveal())).toEqual(['new certificate', 'c2VjcmV0', 'c2VjcmV0', 'old']);
    expect([(await again.readTunnel())?.identity, await again.readPrevious()]).toMatchObject([identity(ID_B), { identity: identity(ID_A), credentials: undefined }]);
    expect(statSync(paths.stagedDir).mode & 0o777).toBe(0o700);
    expect(readdirSync(paths.stagedDir).map((name) => statSync(join(paths.stagedDir, name)).mode & 0o777).every((mode) => mode === 0o600)).toBe(true);
  });

  test('is cleared as a whole, and again without harm', async () => {
    const { paths, staging } = await makeSetup({ installed: false });
    await staging.clear();
    await staging.clear();
    expect([existsSync(paths.stagedDir), await staging.readCertificate(), await staging.readIntent(), await staging.readTunnel(), await staging.readPrevious()]).toEqual([false, undefined, undefined, undefined, undefined]);
  });
});

describe('artifacts', () => {
  test.each([[false, ID_B], [true, ID_B], [true, ID_A]])('installed over one that is there (%s), as tunnel %s, then restored', async (installed, id) => {
    const { paths, staging, artifacts } = await makeSetup({ installed });
    const before = inUse(paths);
    await staging.writeTunnel({ identity: identity(id), credentials: credentials(id, 'bmV3') });
    await artifacts.install('c1');
    expect(inUse(paths)).toMatchObject({ 'cert.pem': 'new certificate', [`${id}.json`]: expect.stringContaining('bmV3') as string });
    expect(await createTunnelDocument(paths.tunnelDocument, failOnEvent).read()).toEqual(identity(id));
    // Again, as after a kill: what was there before is still known.
    await artifacts.install('c1');
    await artifacts.restore('c1');
    await artifacts.restore('c1');
    expect([inUse(paths), readdirSync(paths.journalDir)]).toEqual([before, []]);
    expect(await createTunnelDocument(paths.tunnelDocument, failOnEvent).read()).toEqual(installed ? identity(ID_A) : undefined);
  });

  test('forgotten, they cannot be restored any more', async () => {
    const { paths, staging, artifacts } = await makeSetup({ installed: true });
    await staging.writeTunnel({ identity: identity(ID_B), credentials: credentials(ID_B) });
    await artifacts.install('c1');
    await artifacts.forget('c1');
    await artifacts.forget('c1');
    await artifacts.restore('c1');
    expect([inUse(paths)['cert.pem'], readdirSync(paths.journalDir)]).toEqual(['new certificate', []]);
  });

  test('a certificate alone leaves the tunnel as it is', async () => {
    const { paths, artifacts } = await makeSetup({ installed: true });
    await artifacts.install('c1');
    expect(await createTunnelDocument(paths.tunnelDocument, failOnEvent).read()).toEqual(identity(ID_A));
    expect(inUse(paths)['cert.pem']).toBe('new certificate');
    await artifacts.restore('c1');
    expect(inUse(paths)['cert.pem']).toBe('old certificate');
  });

  test('what is kept is private', async () => {
    const { paths, artifacts } = await makeSetup({ installed: true });
    await artifacts.install('c1');
    expect(statSync(paths.kept('c1')).mode & 0o777).toBe(0o600);
    expect(readFileSync(paths.kept('c1'), 'utf8')).toContain('old certificate');
  });
});

describe('credentials', () => {
  test('are what cloudflared writes and reads', async () => {
    const { paths } = await makeSetup({ installed: false });
    await writeCredentials(paths.credentials(ID_A), credentials(ID_A));
    expect(readFileSync(paths.credentials(ID_A), 'utf8')).toBe(`{"AccountTag":"acc","TunnelSecret":"c2VjcmV0","TunnelID":"${ID_A}","Endpoint":""}`);
    const read = await readCredentials(paths.credentials(ID_A));
    expect([read?.accountTag, read?.tunnelId, read?.tunnelSecret.reveal(), read?.endpoint]).toEqual(['acc', ID_A, 'c2VjcmV0', '']);
    expect(await readCredentials(paths.credentials(ID_B))).toBeUndefined();
  });

  test.each(['', '{', '{"AccountTag":"a"}', `{"AccountTag":"a","TunnelSecret":"no base64!","TunnelID":"${ID_A}"}`])('%j is none', async (text) => {
    const { paths } = await makeSetup({ installed: false });
    writeFileSync(paths.credentials(ID_A), text);
    await expect(readCredentials(paths.credentials(ID_A))).rejects.toMatchObject({ code: 'CREDENTIALS_MISSING' });
  });

  test('of an old version, without an endpoint', async () => {
    const { paths } = await makeSetup({ installed: false });
    writeFileSync(paths.credentials(ID_A), `{"AccountTag":"a","TunnelSecret":"c2VjcmV0","TunnelID":"${ID_A.toUpperCase()}"}`);
    expect(await readCredentials(paths.credentials(ID_A))).toMatchObject({ endpoint: '', tunnelId: ID_A });
  });
});

describe('retired certificates', () => {
  test('stay while the ledger has records in their zone, and while it is not the zone in use', async () => {
    const paths = makeBase();
    let needed: string[] = ['old', 'older', 'now'];
    const retired = createRetiredCertificates(paths, { zoneOf: (pem) => pem.reveal(), zoneInUse: async () => Promise.resolve('now'), zoneBeingLeft: async () => Promise.resolve(undefined), zonesOfRecords: () => needed });
    await retired.prune();
    for (const zone of ['old', 'older', 'now', 'unneeded']) await retired.keep(new Secret(zone));
    await retired.prune();
    expect(readdirSync(paths.retiredDir).sort()).toEqual(['old.pem', 'older.pem']);
    expect((await retired.read('old'))?.reveal()).toBe('old');
    needed = ['older'];
    await retired.prune();
    expect([await retired.read('old'), (await retired.read('older'))?.reveal()]).toEqual([undefined, 'older']);
    expect(statSync(paths.retiredDir).mode & 0o777).toBe(0o700);
  });

  test.each(['../x', '', 'a/b', 'a\0b'])('a zone that is called %j leads nowhere', async (zone) => {
    const retired = createRetiredCertificates(makeBase(), { zoneOf: (pem) => pem.reveal(), zoneInUse: async () => Promise.resolve(undefined), zoneBeingLeft: async () => Promise.resolve(undefined), zonesOfRecords: () => [] });
    await expect(retired.keep(new Secret(zone))).rejects.toMatchObject({ code: 'ORIGIN_CERT_INVALID' });
    await expect(retired.read(zone)).rejects.toMatchObject({ code: 'ORIGIN_CERT_INVALID' });
  });
});
