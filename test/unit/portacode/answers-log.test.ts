import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openAnswersLog } from '../../../src/portacode/answers-log.js';
import { AnswerOnce, type Answering } from '../../../src/portacode/answer-once.js';
import type { PortacodeEvent } from '../../../src/portacode/events.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

const HOUR_MS = 3_600_000;

function setUp(maxBytes?: number) {
  const path = join(tempDirectory(), 'answers.jsonl');
  const time = { now: Date.UTC(2026, 0, 1) };
  const clock = { now: () => time.now, monotonic: () => time.now, sleep: () => Promise.resolve() };
  return { path, time, open: () => openAnswersLog({ path, clock, ...(maxBytes === undefined ? {} : { maxBytes }) }) };
}

const said = (text: string): readonly PortacodeEvent[] => [{ event: 'x', text }];

describe('answers', () => {
  test('are found again, also by another process, for a day', async () => {
    const { path, time, open } = setUp();
    const log = open();
    await log.add('a', said('one\u2028two\nthree'));
    await log.add('b', said('ü'));
    expect([await log.find('a'), await log.find('c')]).toEqual([said('one\u2028two\nthree'), undefined]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    time.now += 23 * HOUR_MS;
    await log.add('c', said('late'));
    const again = open();
    expect([await again.find('a'), await again.find('b')]).toEqual([said('one\u2028two\nthree'), said('ü')]);
    time.now += HOUR_MS;
    expect([await again.find('a'), await again.find('c')]).toEqual([undefined, said('late')]);
    const third = open();
    expect([await third.find('b'), await third.find('c')]).toEqual([undefined, said('late')]);
    expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(1);
  });

  test('after one that a kill cut off are whole', async () => {
    const { path, open } = setUp();
    await open().add('a', said('one'));
    appendFileSync(path, '{"at":1,"key":"b","ev');
    const log = open();
    await log.add('c', said('three'));
    expect([await log.find('a'), await log.find('b'), await log.find('c')]).toEqual([said('one'), undefined, said('three')]);
    expect(await open().find('c')).toEqual(said('three'));
  });

  test('do not grow without end: the oldest go', async () => {
    const { path, open } = setUp(4_000);
    const log = open();
    for (let number = 0; number < 100; number += 1) await log.add(`key ${number}`, said('x'.repeat(100)));
    expect(statSync(path).size).toBeLessThanOrEqual(4_000);
    expect([await log.find('key 0'), await log.find('key 99')]).toEqual([undefined, said('x'.repeat(100))]);
  });

  test('that cannot be kept are given all the same', async () => {
    // Below a file nobody can make a directory, root neither.
    const file = join(tempDirectory(), 'file');
    writeFileSync(file, '');
    const log = openAnswersLog({ path: join(file, 'answers.jsonl'), clock: { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() } });
    await log.add('a', said('one'));
    expect(await log.find('a')).toBeUndefined();
  });
});

function reader() {
  const events: PortacodeEvent[] = [];
  return { events, send: (event: PortacodeEvent) => void events.push(event), isThere: () => true };
}

describe('one answer a request', () => {
  test('also while the first is under way: those who ask later get what was said, and the rest', async () => {
    const { open } = setUp();
    const once = new AnswerOnce(open());
    let finish: (event: PortacodeEvent) => void = () => undefined;
    let runs = 0;
    let hasBegun: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (hasBegun = resolve));
    const answering = (say: (event: PortacodeEvent) => void): Promise<PortacodeEvent> => {
      runs += 1;
      say({ event: 'on the way' });
      hasBegun();
      return new Promise((resolve) => (finish = resolve));
    };
    const [first, second, third] = [reader(), reader(), reader()];
    const all = [once.answer('k', first, answering), once.answer('k', second, answering)];
    await begun;
    all.push(once.answer('k', third, answering));
    finish({ event: 'last' });
    await Promise.all(all);
    for (const { events } of [first, second, third]) expect(events.map(({ event }) => event)).toEqual(['on the way', 'last']);
    const later = reader();
    await once.answer('k', later, answering);
    expect([later.events.map(({ event }) => event), runs]).toEqual([['on the way', 'last'], 1]);
  });

  test('but one that failed for the moment is tried again', async () => {
    const { open } = setUp();
    const once = new AnswerOnce(open());
    const codes = ['DAEMON_STOPPING', 'DNS_CONFLICT', undefined];
    const answering = (): Promise<PortacodeEvent> => Promise.resolve({ event: 'error', error_code: codes.shift() });
    const heard: unknown[] = [];
    for (let round = 0; round < 3; round += 1) {
      const asker = reader();
      await once.answer('k', asker, answering);
      heard.push(asker.events[0]?.['error_code']);
    }
    expect(heard).toEqual(['DAEMON_STOPPING', 'DNS_CONFLICT', 'DNS_CONFLICT']);
  });

  test('a login URL is said again, and is not on the disk', async () => {
    const { path, open } = setUp();
    const once = new AnswerOnce(open());
    const url = 'https://dash.cloudflare.com/argotunnel?secret';
    const answering = async (say: (event: PortacodeEvent) => void): Promise<PortacodeEvent> => {
      say({ event: 'cloudflare_tunnel_login', login_url: url });
      return Promise.resolve({ event: 'cloudflare_tunnel_configured' });
    };
    await once.answer('k', reader(), answering);
    const again = reader();
    await once.answer('k', again, answering);
    expect(again.events).toHaveLength(2);
    expect(readFileSync(path, 'utf8')).not.toContain('secret');
    const restarted = reader();
    await new AnswerOnce(open()).answer('k', restarted, answering);
    expect(restarted.events.map(({ event }) => event)).toEqual(['cloudflare_tunnel_configured']);
  });

  test('a login that is all of an answer is asked for again while it waits, and what came of it afterwards', async () => {
    const { path, open } = setUp();
    const once = new AnswerOnce(open());
    let runs = 0;
    let conclude: (event: PortacodeEvent) => void = () => undefined;
    const outcome = new Promise<PortacodeEvent>((resolve) => (conclude = resolve));
    const answering: Answering = async (_say, _isThere, comesLater) => {
      runs += 1;
      comesLater(outcome);
      return Promise.resolve({ event: 'cloudflare_tunnel_login', login_url: `url ${runs}` });
    };
    const ask = async (of = once): Promise<readonly unknown[]> => {
      const asker = reader();
      await of.answer('k', asker, answering);
      return asker.events.map(({ event, login_url: url }) => url ?? event);
    };
    expect([await ask(), await ask()]).toEqual([['url 1'], ['url 2']]);
    conclude({ event: 'error', error_code: 'SETUP_CANCELLED' });
    await outcome;
    expect([await ask(), await ask(new AnswerOnce(open()))]).toEqual([['error'], ['error']]);
    expect([runs, readFileSync(path, 'utf8').includes('url')]).toEqual([2, false]);
  });

  test('a request without a name is carried out each time', async () => {
    const { open } = setUp();
    const once = new AnswerOnce(open());
    let runs = 0;
    const answering = (): Promise<PortacodeEvent> => Promise.resolve({ event: `run ${(runs += 1)}` });
    await once.answer(undefined, reader(), answering);
    await once.answer(undefined, reader(), answering);
    expect(runs).toBe(2);
  });
});
