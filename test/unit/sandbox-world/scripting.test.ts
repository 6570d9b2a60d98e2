import { describe, expect, test } from 'vitest';

import { takeApiFault, type ApiFaultRule } from '../../../src/sandbox/api/faults.js';
import { matchesPath } from '../../../src/sandbox/api/path-pattern.js';
import { RateLimit } from '../../../src/sandbox/api/rate-limit.js';
import { RequestLog, type LoggedRequest } from '../../../src/sandbox/api/request-log.js';
import { edgeEntries } from '../../../src/sandbox/environment.js';
import { FaultScript } from '../../../src/sandbox/fault-script.js';
import { toLoginKey, toLoginUrl } from '../../../src/sandbox/login/login-url.js';
import { Changes } from '../../../src/sandbox/world/changes.js';

test.each([
  ['zones/*', 'zones/1', true],
  ['zones/*', 'zones/1/dns_records', false],
  ['zones/*/dns_records', 'zones/1/dns_records', true],
  ['zones/**', 'zones', true],
  ['zones/**', 'zones/1/dns_records/2', true],
  ['**/dns_records', 'zones/1/dns_records', true],
  ['**/dns_records/**', 'zones/1/dns_records/2', true],
  ['zones', 'zones/1', false],
])('path pattern %s on %s: %s', (pattern, path, fits) => {
  expect(matchesPath(pattern, path)).toBe(fits);
});

describe('fault script', () => {
  test('strikes the given number of times, after those that it lets through, in the order of the rules', () => {
    const faults = new FaultScript<ApiFaultRule>('api');
    const first = faults.add({ fault: { kind: 'hang' }, method: 'GET', after: 1, times: 2 });
    faults.add({ fault: { kind: 'refuse' }, path: 'zones/*' });
    const struck = ['zones/1', 'zones', 'zones', 'zones', 'zones/1'].map((path) => takeApiFault(faults, 'GET', path)?.kind);
    expect(struck).toEqual(['refuse', 'hang', 'hang', undefined, 'refuse']);
    expect(takeApiFault(faults, 'POST', 'zones')).toBeUndefined();
    expect(faults.hitsOf(first)).toBe(2);
    expect(faults.remove(first)).toBe(true);
    expect(faults.remove(first)).toBe(false);
    expect(faults.list()).toMatchObject([{ hits: 2, path: 'zones/*' }]);
    faults.remove();
    expect(faults.list()).toEqual([]);
  });
});

describe('rate limit', () => {
  test('counts in windows, and says how long to wait', () => {
    let now = 1_000;
    const limit = new RateLimit(() => now, { requests: 2, windowMs: 5_000 });
    expect([limit.take(), limit.take(), limit.take()]).toEqual([undefined, undefined, 5]);
    now += 3_500;
    expect(limit.take()).toBe(2);
    now += 1_500;
    expect(limit.take()).toBeUndefined();
    limit.set(undefined);
    expect(Array.from({ length: 5 }, () => limit.take())).toEqual(Array(5).fill(undefined));
  });
});

test('the request log finds by method and path, and stays bounded', () => {
  const log = new RequestLog();
  const entry = (at: number): LoggedRequest => ({ at, method: at % 2 === 0 ? 'GET' : 'POST', path: 'zones/1', query: '', status: 200, fault: null });
  for (let at = 0; at < 50_000; at += 1) log.add(entry(at));
  expect(log.count()).toBeLessThanOrEqual(20_000);
  expect(log.list().at(-1)).toEqual(entry(49_999));
  expect(log.count({ method: 'GET', path: 'zones/*' })).toBe(log.count() / 2);
  expect(log.count({ path: 'zones' })).toBe(0);
});

test('the edge has more entries than a connector wants connections', () => {
  expect(edgeEntries(['a:1'])).toEqual(Array(8).fill('a:1'));
  expect(edgeEntries(['a:1', 'b:2'])).toEqual(['a:1', 'b:2', 'a:1', 'b:2', 'a:1', 'b:2', 'a:1', 'b:2']);
  expect(edgeEntries([])).toEqual([]);
});

test('the key of a login is read from whatever a person has of it', () => {
  const key = 'fm54O_YYDgXoFKGQmauxQYlyqg_Fo7iRWypBz0sPKlk=';
  expect(toLoginUrl(key)).toBe(`https://dash.cloudflare.com/argotunnel?aud=&callback=https%3A%2F%2Flogin.cloudflareaccess.org%2F${encodeURIComponent(key)}`);
  expect(toLoginKey(toLoginUrl(key))).toBe(key);
  expect(toLoginKey(`https://login.cloudflareaccess.org/${key}`)).toBe(key);
  expect(toLoginKey(key)).toBe(key);
  expect(toLoginKey('https://example.com/argotunnel')).toBeUndefined();
  expect(toLoginKey('https://dash.cloudflare.com/argotunnel?callback=https%3A%2F%2Fexample.com%2Fkey')).toBeUndefined();
  expect(toLoginKey('a b')).toBeUndefined();
});

describe('changes', () => {
  test('who waits is told of the first change that brings what was waited for', async () => {
    const changes = new Changes();
    let value = 0;
    const waiting = changes.wait(() => (value >= 2 ? value : undefined), 10_000);
    value = 1;
    changes.announce();
    value = 2;
    changes.announce();
    value = 3;
    await expect(waiting).resolves.toBe(2);
  });

  test('what is so already needs no change; time and signal end the waiting', async () => {
    const changes = new Changes();
    await expect(changes.wait(() => 'now', 0)).resolves.toBe('now');
    await expect(changes.wait(() => undefined, 0)).resolves.toBeUndefined();
    const ending = new AbortController();
    const waiting = changes.wait(() => undefined, 60_000, ending.signal);
    ending.abort();
    await expect(waiting).resolves.toBeUndefined();
  });

  test('a failing look is for who waits', async () => {
    const changes = new Changes();
    let broken = false;
    const waiting = changes.wait(() => {
      if (broken) throw new Error('broken');
      return undefined;
    }, 60_000);
    broken = true;
    expect(() => changes.announce()).not.toThrow();
    await expect(waiting).rejects.toThrow('broken');
  });
});
