import { request } from 'node:http';

import { beforeEach, describe, expect, test } from 'vitest';

import type { Sandbox } from '../../../src/sandbox/sandbox.js';
import { apiCaller, codesOf, sandboxForTest, type ApiCaller } from './sandbox-fixture.js';

let sandbox: Sandbox;
let call: ApiCaller;
let recordsPath: string;
const RECORD = { type: 'A', name: 'app', content: '192.0.2.1' };

beforeEach(async () => {
  sandbox = await sandboxForTest({ cloudflared: null });
  call = apiCaller(sandbox);
  recordsPath = `zones/${sandbox.world.zones.find()?.id ?? ''}/dns_records`;
});

/** What a client sees of a connection that ends badly: the code of its error. */
async function errorOf(method: string, path: string, body: unknown): Promise<string | undefined> {
  const zone = sandbox.world.zones.find();
  if (zone === undefined) throw new Error('no zone');
  const token = sandbox.world.tokens.issue(zone).value;
  return new Promise((resolve) => {
    const asking = request(`${sandbox.apiUrl}/${path}`, { method, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume();
      response.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      response.once('end', () => resolve(undefined));
    });
    asking.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    asking.end(JSON.stringify(body));
  });
}

describe('scripted faults', () => {
  test.each([[401, 1000], [403, 10000], [429, 971], [503, 1000]])('status %i says Cloudflare\'s code, once', async (status, code) => {
    sandbox.faults.api.add({ fault: { kind: 'status', status, retryAfterS: 7 }, method: 'GET', path: 'zones', times: 1 });
    const refused = await call('GET', 'zones');
    expect(refused.status).toBe(status);
    expect(refused.headers.get('retry-after')).toBe('7');
    expect(refused.headers.get('content-type')).toBe('application/json');
    expect(codesOf(refused)).toEqual([code]);
    expect((await call('GET', 'zones')).status).toBe(200);
    expect(sandbox.requests.list({ path: 'zones' })).toMatchObject([{ status, fault: 'status' }, { status: 200, fault: null }]);
  });

  test('cut off: the change is made, the answer never comes', async () => {
    sandbox.faults.api.add({ fault: { kind: 'cut-off' }, method: 'POST', path: 'zones/*/dns_records' });
    expect(await errorOf('POST', recordsPath, RECORD)).toBe('ECONNRESET');
    expect(sandbox.world.records.named('app.example.com')).toHaveLength(1);
    expect(sandbox.requests.list({ method: 'POST' })).toMatchObject([{ status: null, fault: 'cut-off' }]);
  });

  test('truncate: the change is made, half an answer comes', async () => {
    sandbox.faults.api.add({ fault: { kind: 'truncate' }, method: 'POST' });
    expect(await errorOf('POST', recordsPath, RECORD)).toBe('ECONNRESET');
    expect(sandbox.world.records.named('app.example.com')).toHaveLength(1);
  });

  test('refuse: nothing is changed', async () => {
    sandbox.faults.api.add({ fault: { kind: 'refuse' }, method: 'POST' });
    expect(await errorOf('POST', recordsPath, RECORD)).toBe('ECONNRESET');
    expect(sandbox.world.records.list()).toEqual([]);
  });

  test('hang: no answer comes until the client gives up, and nothing is changed', async () => {
    sandbox.faults.api.add({ fault: { kind: 'hang' }, path: 'zones/**' });
    const asking = fetch(`${sandbox.apiUrl}/${recordsPath}`, { method: 'POST', body: '{}', signal: AbortSignal.timeout(100) });
    await expect(asking).rejects.toThrow(/timeout/u);
    expect(sandbox.requests.list()).toMatchObject([{ status: null, fault: 'hang' }]);
  });

  test('slow: the answer comes later than others', async () => {
    sandbox.faults.api.add({ fault: { kind: 'slow', delayMs: 150 }, path: 'zones', times: 1 });
    const order: string[] = [];
    await Promise.all([
      call('GET', 'zones').then(({ status }) => order.push(`slow ${status}`)),
      call('GET', recordsPath).then(({ status }) => order.push(`fast ${status}`)),
    ]);
    expect(order).toEqual(['fast 200', 'slow 200']);
  });

  test('html: a page instead of JSON', async () => {
    sandbox.faults.api.add({ fault: { kind: 'html' }, path: 'zones' });
    const response = await fetch(`${sandbox.apiUrl}/zones`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/u);
    expect(await response.text()).toMatch(/^<!DOCTYPE html>/u);
  });
});

test('with the rate limit on, what is over it is told when to come again', async () => {
  sandbox.rateLimit.set({ requests: 2, windowMs: 300_000 });
  const statuses = [];
  for (let count = 0; count < 3; count += 1) statuses.push(await call('GET', 'zones'));
  expect(statuses.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(Number(statuses[2]?.headers.get('retry-after'))).toBeGreaterThan(290);
});
