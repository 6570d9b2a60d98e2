import { beforeEach, describe, expect, test } from 'vitest';

import { connectSandbox, type SandboxControl } from '../../../src/sandbox/control-client.js';
import type { Sandbox } from '../../../src/sandbox/sandbox.js';
import { apiCaller, sandboxForTest } from './sandbox-fixture.js';

let sandbox: Sandbox;
let control: SandboxControl;
beforeEach(async () => {
  sandbox = await sandboxForTest({ cloudflared: null, accounts: [{ name: 'One', zones: ['example.com', 'example.org'] }] });
  control = connectSandbox(sandbox.controlUrl);
});

test('logins: waiting for one, listing and authorising', async () => {
  await expect(control.authorise()).rejects.toThrow('No login waits');
  const waiting = control.waitForLogin(5_000);
  sandbox.logins.visit('key');
  expect(await waiting).toMatchObject({ key: 'key', state: 'waiting', zone: null });
  expect(await control.authorise({ zone: 'example.org' })).toMatchObject({ key: 'key', state: 'authorised', zone: 'example.org' });
  expect(await control.logins()).toHaveLength(1);
  await expect(control.authorise({ login: 'key', zone: 'example.net' })).rejects.toThrow('no zone example.net');
});

test('certificates, rights and tokens', async () => {
  const { certificate, apiToken, zoneId } = await control.issueCertificate('example.org');
  expect(certificate).toContain('ARGO TUNNEL TOKEN');
  expect(sandbox.world.tokens.get(apiToken)).toMatchObject({ zoneId });
  expect(await control.setRights({ dnsEdit: false })).toEqual({ tunnels: true, zoneRead: true, dnsRead: true, dnsEdit: false });
  expect(await control.rights()).toMatchObject({ dnsEdit: false });
  await control.revokeTokens();
  expect(sandbox.world.tokens.get(apiToken)).toBeUndefined();
});

test('faults on each of the three, counted and removed', async () => {
  const id = await control.addFault({ on: 'api', fault: { kind: 'status', status: 503 }, path: 'zones', times: 1 });
  await control.addFault({ on: 'login', fault: { kind: 'give-up' } });
  await control.addFault({ on: 'edge', fault: { kind: 'reject', cause: 'Unauthorized: no' }, connIndex: 0 });
  expect((await apiCaller(sandbox)('GET', 'zones')).status).toBe(503);
  await control.waitUntil({ kind: 'fault', id, atLeast: 1 }, 5_000);
  expect(await control.faults()).toMatchObject({ api: [{ id, hits: 1 }], login: [{ hits: 0 }], edge: [{ connIndex: 0 }] });
  await control.removeFault(id);
  await expect(control.removeFault(id)).rejects.toThrow('no such fault');
  await control.clearFaults();
  expect(await control.faults()).toEqual({ api: [], login: [], edge: [] });
});

test('records: put, found by name, looked up, deleted', async () => {
  const tunnel = await control.createTunnel('home');
  expect(tunnel.credentials).toMatchObject({ TunnelID: tunnel.id, AccountTag: tunnel.accountId });
  const content = `${tunnel.id}.cfargotunnel.com`;
  const record = await control.putRecord({ type: 'CNAME', name: 'app.example.org', content: 'x.example.net', proxied: true });
  expect(record.zone).toBe('example.org');
  expect(await control.putRecord({ type: 'CNAME', name: 'app.example.org', content, proxied: true })).toMatchObject({ id: record.id, content });
  expect(await control.records({ zone: 'example.com' })).toEqual([]);
  expect(await control.records({ name: 'app.example.org' })).toHaveLength(1);
  expect(await control.lookUp('App.Example.org')).toEqual({ kind: 'tunnel', tunnelId: tunnel.id });
  await control.deleteRecord(record.id);
  expect(await control.lookUp('app.example.org')).toEqual({ kind: 'none' });
  await expect(control.putRecord({ type: 'A', name: 'a.example.org', content: 'wrong' })).rejects.toThrow('1004');
  await control.deleteTunnel(tunnel.id);
  expect(await control.tunnels()).toMatchObject([{ id: tunnel.id, deletedAt: expect.any(String) as string, connections: [] }]);
});

describe('waiting', () => {
  test('ends when the condition comes true', async () => {
    const waiting = control.waitUntil({ kind: 'record', name: 'app.example.com', type: 'TXT', present: true }, 5_000);
    await control.putRecord({ type: 'TXT', name: 'app.example.com', content: 'x' });
    await waiting;
    await control.waitUntil({ kind: 'record', name: 'app.example.com', content: 'y', present: false }, 0);
    await control.waitUntil({ kind: 'connections', atMost: 0, connectorsAtMost: 0 }, 0);
  });

  test('ends when a request was made that is waited for', async () => {
    const waiting = control.waitUntil({ kind: 'requests', method: 'GET', path: 'zones/*', atLeast: 1 }, 5_000);
    await apiCaller(sandbox)('GET', `zones/${sandbox.world.zones.find()?.id ?? ''}`);
    await waiting;
    expect(await control.requests({ path: 'zones/*' })).toMatchObject([{ method: 'GET', status: 200 }]);
    await control.clearRequests();
    expect(await control.requests()).toEqual([]);
  });

  test('rejects with the condition when it does not come true in time', async () => {
    await expect(control.waitUntil({ kind: 'connections', atLeast: 1 }, 50)).rejects.toThrow('"atLeast":1');
  });
});

test('the rate limit is a switch', async () => {
  await control.setRateLimit({ requests: 0, windowMs: 60_000 });
  expect((await apiCaller(sandbox)('GET', 'zones')).status).toBe(429);
  await control.setRateLimit(null);
  expect((await apiCaller(sandbox)('GET', 'zones')).status).toBe(200);
});

test.each<[string, RequestInit & { path: string }, number]>([
  ['a call that is none', { path: 'nothing' }, 404],
  ['a body that is no JSON', { path: 'faults', method: 'POST', body: '{' }, 400],
  ['an unknown field', { path: 'edge/drop', method: 'POST', body: '{"all":true}' }, 400],
  ['a fault that is none', { path: 'faults', method: 'POST', body: '{"on":"api","fault":{"kind":"x"}}' }, 400],
  ['a web page of somebody else', { path: 'zones', headers: { origin: 'https://attacker.example' } }, 403],
])('refuses %s', async (_what, { path, ...init }, status) => {
  const response = await fetch(`${sandbox.controlUrl}/${path}`, init);
  expect(response.status).toBe(status);
});
