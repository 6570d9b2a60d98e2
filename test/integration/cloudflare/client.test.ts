import { EventEmitter, once } from 'node:events';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { LONGEST_RETRY_AFTER_MS } from '../../../src/cloudflare/read-answer.js';
import { ATTEMPT_TIMEOUT_MS } from '../../../src/cloudflare/send.js';
import { SupervisorError } from '../../../src/core/errors.js';
import { Secret } from '../../../src/core/secret.js';
import { never } from './api-world.js';
import { no, ok, startScriptedServer, TOKEN, type Script, type ScriptedServer } from './scripted-server.js';

const ZONE = { id: '023e105f4ecef8ad9ca31a8372d0c353', name: 'Example.com' };
const isRetry = (ms: number): boolean => ms !== ATTEMPT_TIMEOUT_MS;
const html = (status: number) => ({ status, headers: { 'content-type': 'text/html; charset=UTF-8' }, body: '<!doctype html><title>Sign in to the network</title>' });

let server: ScriptedServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});
const start = async (script: Script): Promise<ScriptedServer> => (server = await startScriptedServer(script, isRetry));

const failureOf = async (run: Promise<unknown>): Promise<SupervisorError> => {
  const thrown = await run.then(() => undefined, (error: unknown) => error);
  if (!(thrown instanceof SupervisorError)) throw new Error(`expected a failure of ours, got ${inspect(thrown)}`);
  return thrown;
};

describe('a request', () => {
  test('carries the token, and reads the envelope', async () => {
    const { client, seen } = await start(({ headers }) => (headers.authorization === `Bearer ${TOKEN}` && headers.accept === 'application/json' ? ok(ZONE) : no(401, 1000, 'Invalid API Token')));
    expect(await client.zones.get(ZONE.id, never)).toEqual({ id: ZONE.id, name: 'example.com' });
    expect(seen).toEqual([`GET /client/v4/zones/${ZONE.id}`]);
  });

  test('to delete is done where the answer is the id of what is gone, and nothing else', async () => {
    const bare = { result: { id: '372e67954025e0ba6aaa6d586b9e0b59' } };
    const { client } = await start(({ url }) => ({ body: url.pathname.endsWith('/none') ? { result: null } : bare }));
    await client.records.delete(ZONE.id, bare.result.id, never);
    expect((await failureOf(client.records.delete(ZONE.id, 'none', never))).code).toBe('CLOUDFLARE_UNEXPECTED');
    // Of what is read, or made, more has to be said.
    expect((await failureOf(client.zones.get(ZONE.id, never))).code).toBe('CLOUDFLARE_UNEXPECTED');
  });

  test('to delete is not done where an error says so', async () => {
    const { client } = await start(() => ({ status: 400, body: { result: { id: 'x' } } }));
    expect((await failureOf(client.records.delete(ZONE.id, 'x', never))).code).toBe('CLOUDFLARE_UNEXPECTED');
  });

  test('is sent again after 5xx and resets, with growing delays', async () => {
    const { client, clock } = await start((_request, count) => (count < 4 ? html(502) : ok(ZONE)));
    expect(await client.zones.get(ZONE.id, never)).toMatchObject({ name: 'example.com' });
    expect(clock.sleeps.filter(isRetry)).toEqual([500, 1_000, 2_000]);
  });

  test.each([
    ['in seconds', '7', 7_000],
    ['as a date', 'Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['of no use', 'soon', 500],
    ['of no use, with a number', 'in 5', 500],
    ['below nothing', '-5', 500],
    ['at once', '0', 500],
    ['as a date that is over', 'Wed, 01 Jan 2025 00:00:00 GMT', 500],
    ['as a date that is none', 'Thu, 99 Jan 2026 00:01:00 GMT', 500],
    ['as a date far ahead, up to a bound', 'Fri, 01 Jan 2100 00:00:00 GMT', LONGEST_RETRY_AFTER_MS],
    ['in seconds without end, up to a bound', '9'.repeat(400), LONGEST_RETRY_AFTER_MS],
  ])('waits as long as Retry-After says, %s', async (_name, retryAfter, waitMs) => {
    const { client, clock } = await start((_request, count) => (count === 1 ? { ...no(429, 971, 'slow down'), headers: { 'retry-after': retryAfter } } : ok(ZONE)));
    await client.zones.get(ZONE.id, never);
    expect(clock.sleeps.filter(isRetry)).toEqual([waitMs]);
    expect(clock.monotonic()).toBe(waitMs);
  });

  test('holds other requests back too while Cloudflare wants it', async () => {
    const { client, clock } = await start(({ url }, count) => (count === 1 ? { ...no(429, 971, 'slow down'), headers: { 'retry-after': '30' } } : ok(url.pathname.includes('dns_records') ? [] : ZONE)));
    const first = client.zones.get(ZONE.id, never);
    await clock.whenAsleep((ms) => ms === 30_000);
    await client.records.listAt(ZONE.id, 'a.example.com', never);
    expect(clock.monotonic()).toBe(30_000);
    await first;
  });

  test('that hangs is given up and sent again', async () => {
    const arrivals = new EventEmitter();
    const arrived = once(arrivals, 'first');
    const { client, clock, seen } = await start((_request, count) => {
      if (count > 1) return ok(ZONE);
      arrivals.emit('first');
      return undefined;
    });
    const zone = client.zones.get(ZONE.id, never);
    await arrived;
    clock.advance(ATTEMPT_TIMEOUT_MS);
    expect(await zone).toMatchObject({ name: 'example.com' });
    expect(seen).toHaveLength(2);
  });

  test('ends with its last failure when the deadline is over', async () => {
    const deadline = new AbortController();
    const { client } = await start((_request, count) => {
      if (count === 3) deadline.abort(new Error('over'));
      return no(503, 0, 'busy');
    });
    const failure = await failureOf(client.zones.get(ZONE.id, deadline.signal));
    expect(failure).toMatchObject({ code: 'CLOUDFLARE_UNREACHABLE' });
    expect(failure.message).toContain('503');
  });

  test('ends with what the canceller says, at once', async () => {
    const cancelled = new SupervisorError('SETUP_CANCELLED', 'The setup was cancelled.');
    const cancel = new AbortController();
    const { client, clock } = await start(() => undefined);
    const zone = client.zones.get(ZONE.id, cancel.signal);
    await clock.whenAsleep((ms) => ms === ATTEMPT_TIMEOUT_MS);
    cancel.abort(cancelled);
    expect(await failureOf(zone)).toBe(cancelled);
    expect(await failureOf(client.zones.get(ZONE.id, cancel.signal))).toBe(cancelled);
  });

  test('says that nobody is there', async () => {
    const deadline = new AbortController();
    const started = await start(() => ok(ZONE));
    await started.close();
    const failing = failureOf(started.client.zones.get(ZONE.id, deadline.signal));
    await started.clock.whenAsleep(isRetry);
    deadline.abort(new Error('over'));
    expect(await failing).toMatchObject({ code: 'CLOUDFLARE_UNREACHABLE' });
  });
});

describe('an answer', () => {
  test.each([
    ['a web page', html(200), 'CLOUDFLARE_UNEXPECTED', 'text/html'],
    ['a page that forbids', html(403), 'CLOUDFLARE_UNEXPECTED', '403'],
    ['cut-off JSON', { body: '{"success":true,"result":{' }, 'CLOUDFLARE_UNEXPECTED', 'not Cloudflare'],
    ['JSON of something else', { body: { hello: 'world' } }, 'CLOUDFLARE_UNEXPECTED', 'not Cloudflare'],
    ['a zone without a name', ok({ id: 'x' }), 'CLOUDFLARE_UNEXPECTED', '"name"'],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: { success: true, errors: [], result: null } }, 'CLOUDFLARE_UNEXPECTED', '302'],
    ['no success', { body: { success: false, errors: [{ code: 1234, message: 'no luck' }], result: null } }, 'CLOUDFLARE_REFUSED', 'no luck (code 1234)'],
    ['a bad request with its reasons', { status: 400, body: { success: false, errors: [{ code: 1004, message: 'DNS Validation Error', error_chain: [{ code: 9021, message: 'Invalid TTL' }] }], result: null } }, 'CLOUDFLARE_REFUSED', 'Invalid TTL (code 9021)'],
    ['an unknown token', no(401, 1000, 'Invalid API Token'), 'ORIGIN_CERT_REFUSED', 'Invalid API Token'],
  ] as const)('that is %s is an error of its own, and not asked for again', async (_name, answer, code, text) => {
    const { client, seen } = await start(() => answer);
    const failure = await failureOf(client.zones.get(ZONE.id, never));
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(text);
    expect(seen).toHaveLength(1);
  });

  test('of an endless length is not read to the end', async () => {
    const { client } = await start(() => ({ body: 'x'.repeat(17 * 1024 * 1024) }));
    expect(await failureOf(client.zones.get(ZONE.id, never))).toMatchObject({ code: 'CLOUDFLARE_UNEXPECTED' });
  });

  test('that repeats what it was sent puts no secret into an error', async () => {
    const secret = new Secret('dGhlIHNlY3JldCBvZiB0aGUgdHVubmVsIHRoYXQgd2UgbWFrZQ==');
    const { client } = await start(({ headers, body }) => no(400, 6003, `you sent ${headers.authorization ?? ''}\n\u001B[31m${body}`));
    const failure = await failureOf(client.tunnelsOf('account').create('name', secret, never));
    for (const text of [failure.message, inspect(failure, { depth: 10 }), JSON.stringify(failure.toBody())]) {
      expect(text).not.toContain(TOKEN);
      expect(text).not.toContain(secret.reveal());
    }
    expect(failure.message).toContain('[redacted]');
    expect(failure.message).not.toMatch(/\p{Cc}/u);
  });
});

describe('a listing', () => {
  const record = (index: number) => ({ id: `id-${index}`, name: `n${index}.example.com.`, type: 'cname', content: 'x', proxied: true, ttl: 1, comment: null });

  test('is read page by page, however many the server gives at once', async () => {
    const all = Array.from({ length: 250 }, (_, index) => record(index));
    const { client, seen } = await start(({ url }) => {
      const page = Number(url.searchParams.get('page'));
      return ok(all.slice((page - 1) * 100, page * 100), { page, per_page: 100, count: 100, total_count: 250 });
    });
    const records = await client.records.listAll(ZONE.id, never);
    expect(records).toHaveLength(250);
    expect(records[249]).toEqual({ id: 'id-249', zoneId: ZONE.id, name: 'n249.example.com', type: 'CNAME', content: 'x', proxied: true, ttl: 1, comment: '' });
    expect(seen).toHaveLength(3);
  });

  test('asks for less where that many are refused, and remembers it', async () => {
    const { client, seen } = await start(({ url }) => (Number(url.searchParams.get('per_page')) > 100 ? no(400, 9106, 'per_page must be at most 100') : ok([record(1)])));
    expect(await client.records.listAll(ZONE.id, never)).toHaveLength(1);
    expect(await client.records.listAll(ZONE.id, never)).toHaveLength(1);
    expect(seen).toHaveLength(3);
  });

  test('ends where a server promises more than it has', async () => {
    const { client, seen } = await start(({ url }) => ok(url.searchParams.get('page') === '1' ? [record(1)] : [], { per_page: 1, total_count: 1_000 }));
    expect(await client.records.listAll(ZONE.id, never)).toHaveLength(1);
    expect(seen).toHaveLength(2);
  });
});
