import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRouteDns } from '../../../src/cloudflared/route-dns.js';
import { childEnvironment } from '../../../src/host/child-environment.js';
import { startSandbox } from '../../../src/sandbox/sandbox.js';
import type { Sandbox } from '../../../src/sandbox/sandbox.js';
import { writeStandIn } from '../../../src/sandbox/stand-in/install.js';
import { PROGRAMS } from './rig.js';

describe.each(PROGRAMS)('route dns ($name)', (kind) => {
  let directory: string;
  let sandbox: Sandbox;
  let tunnelId: string;
  let route: ReturnType<typeof createRouteDns>;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'supervisor-route-'));
    sandbox = await startSandbox({ cloudflared: null });
    const zone = sandbox.world.zones.find('example.com');
    if (zone === undefined) throw new Error('the sandbox has no zone');
    const token = sandbox.world.tokens.issue(zone).value;
    const content = Buffer.from(JSON.stringify({ zoneID: zone.id, accountID: zone.account.id, apiToken: token })).toString('base64');
    const originCert = join(directory, 'cert.pem');
    await writeFile(originCert, `-----BEGIN ARGO TUNNEL TOKEN-----\n${content}\n-----END ARGO TUNNEL TOKEN-----\n`);
    const created = await fetch(`${sandbox.apiUrl}/accounts/${zone.account.id}/cfd_tunnel`, {
      method: 'POST', headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ name: 'one', tunnel_secret: Buffer.alloc(32, 1).toString('base64') }),
    });
    const answer = await created.json() as { result: { id: string } };
    tunnelId = answer.result.id;
    const path = kind.real ?? await writeStandIn(join(directory, 'program'));
    route = createRouteDns({
      binary: async () => ({ path, version: '2026.8.2' }),
      noConfig: join(directory, 'no-config.yml'), originCert, apiUrl: sandbox.apiUrl,
      env: childEnvironment({ env: { PATH: process.env['PATH'] }, home: directory }),
    });
  });
  afterEach(async () => {
    await sandbox.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test('makes the record and gives the name that the server answered', async () => {
    expect(await route({ tunnelId, hostname: 'app.example.com', overwrite: false }, signal)).toEqual({ hostname: 'app.example.com', ledHereBefore: false });
    // Again: it is there already.
    expect(await route({ tunnelId, hostname: 'app.example.com', overwrite: false }, signal)).toEqual({ hostname: 'app.example.com', ledHereBefore: true });
    expect(await route({ tunnelId, hostname: '*.example.com', overwrite: false }, signal)).toEqual({ hostname: '*.example.com', ledHereBefore: false });
  });

  test('a name outside the zone is answered as another name: the caller can see it', async () => {
    expect(await route({ tunnelId, hostname: 'app.other.org', overwrite: false }, signal)).toEqual({ hostname: 'app.other.org.example.com', ledHereBefore: false });
  });

  test('a record of somebody else is a conflict; overwriting is on request', async () => {
    const zone = sandbox.world.zones.find('example.com');
    const token = sandbox.world.tokens.issue(zone ?? (() => { throw new Error('no zone'); })()).value;
    await fetch(`${sandbox.apiUrl}/zones/${zone?.id}/dns_records`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify({ type: 'A', name: 'www.example.com', content: '192.0.2.1' }) });
    await expect(route({ tunnelId, hostname: 'www.example.com', overwrite: false }, signal)).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
    expect(await route({ tunnelId, hostname: 'www.example.com', overwrite: true }, signal)).toEqual({ hostname: 'www.example.com', ledHereBefore: false });
  });

  test('an API that fails, and a token that may not, are told apart', async () => {
    await expect(route({ tunnelId: '00000000-0000-4000-8000-000000000000', hostname: 'app.example.com', overwrite: false }, signal)).rejects.toMatchObject({ code: 'DNS_FAILED' });
    await expect(route({ tunnelId, hostname: 'app.example.com', overwrite: false }, AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up');
  });
});
