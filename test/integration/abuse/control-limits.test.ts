import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { errorBody, type AnswerOf } from '../../../src/api/answers.js';
import { createConnectorLogs } from '../../../src/daemon/connector-logs.js';
import { listenOnSocket } from '../../../src/daemon/listen-socket.js';
import { createRedactor } from '../../../src/host/redact.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';
import { exchange, get, open, send, serveControlSocket } from '../control-socket.js';

const FORWARDING: AnswerOf<'readForwarding'> = { revision: 7, rules: [], setAside: [], views: [] };
const codeOf = (body: string): string => errorBody.parse(JSON.parse(body)).code;

async function serve(...given: Parameters<typeof serveControlSocket>) {
  const socket = await serveControlSocket(...given);
  onTestFinished(() => socket.close());
  return socket;
}

describe('a request', () => {
  test('that names two Hosts is refused, whichever stands first', async () => {
    const { socketPath } = await serve({ readForwarding: () => Promise.resolve(FORWARDING) });
    for (const hosts of ['Host: localhost\r\nHost: evil.example', 'host: evil.example\r\nHOST: localhost', 'Host: localhost\r\nhost: localhost']) {
      const answer = await exchange(socketPath, `GET /v1/forwarding HTTP/1.1\r\n${hosts}\r\n\r\n`);
      expect([answer.status, codeOf(answer.body)]).toEqual([403, 'REQUEST_FORBIDDEN']);
    }
  });

  test('is refused for a header that stands behind thousands of others', async () => {
    const { socketPath } = await serve({ readForwarding: () => Promise.resolve(FORWARDING) });
    for (const header of ['Origin: http://evil.example', 'Host: evil.example', 'Referer: http://evil.example/']) {
      const answer = await exchange(socketPath, get('/v1/forwarding', `${'X: y\r\n'.repeat(2_500)}${header}\r\n`));
      expect([answer.status, codeOf(answer.body)]).toEqual([403, 'REQUEST_FORBIDDEN']);
    }
  });

  test('is not invited to send its body before it is known whether it may', async () => {
    const { socketPath } = await serve({ reconcile: () => Promise.resolve({ changed: false, revision: 1, rules: [], warnings: [] }) });
    const expecting = 'Expect: 100-continue\r\nContent-Length: 2\r\n';
    const refused = [`POST /v1/reconcile HTTP/1.1\r\nHost: evil.example\r\n${expecting}\r\n`, `POST /v1/nowhere HTTP/1.1\r\nHost: localhost\r\n${expecting}\r\n`];
    for (const [index, status] of [403, 404].entries()) expect((await exchange(socketPath, refused[index] ?? '')).status).toBe(status);
    const client = await open(socketPath);
    client.setEncoding('utf8').write(`POST /v1/reconcile HTTP/1.1\r\nHost: localhost\r\n${expecting}\r\n`);
    expect(String((await once(client, 'data'))[0])).toMatch(/^HTTP\/1\.1 100 /);
    client.write('{}');
    expect(String((await once(client, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    client.destroy();
  });

  test('keeps a field __proto__ for the validation to refuse, instead of dropping it', async () => {
    const asked: unknown[] = [];
    const { socketPath } = await serve({ addRule: (rule) => {
      asked.push(rule.originRequest);
      return Promise.reject(new Error('not reached by the validation here'));
    } });
    await exchange(socketPath, send('POST', '/v1/forwarding/rules', '{"hostname":"a","destination":"b","originRequest":{"__proto__":{"noTLSVerify":true}}}'));
    expect(asked.map((options) => Object.keys(options ?? {}))).toEqual([['__proto__']]);
    for (const options of ['[]', '"x"', 'null', '7']) {
      const answer = await exchange(socketPath, send('POST', '/v1/forwarding/rules', `{"hostname":"a","destination":"b","originRequest":${options}}`));
      expect(codeOf(answer.body)).toBe('REQUEST_INVALID');
    }
  });
});

describe('what a client can make the daemon hold', () => {
  test('a thousand requests in one packet cut their sender off, and nobody else', async () => {
    let served = 0;
    const { socketPath } = await serve({ readForwarding: () => {
      served += 1;
      return Promise.resolve(FORWARDING);
    } });
    const client = await open(socketPath);
    client.on('error', () => client.destroy());
    client.write(get('/v1/forwarding').repeat(1_000));
    client.resume();
    await once(client, 'close');
    expect(served).toBeLessThanOrEqual(64);
    expect((await exchange(socketPath, get('/v1/forwarding'))).status).toBe(200);
  });

  test('connections that say nothing make room for who asks, the oldest first, and one that follows stays', async () => {
    const { socketPath } = await serve({ readForwarding: () => Promise.resolve(FORWARDING), events: (_request, writer) => {
      writer.write({ type: 'heartbeat', at: '' });
      return new Promise(() => undefined);
    } });
    const follower = await open(socketPath);
    follower.write(get('/v1/events'));
    await once(follower, 'data');
    const crowd: Socket[] = [];
    for (let count = 0; count < 700; count += 1) {
      const client = await open(socketPath);
      client.on('error', () => client.destroy());
      client.resume();
      crowd.push(client);
    }
    expect((await exchange(socketPath, get('/v1/forwarding'))).status).toBe(200);
    await expect.poll(() => crowd.filter(({ closed }) => closed).length).toBeGreaterThan(180);
    expect(crowd.at(-1)?.closed).toBe(false);
    expect(follower.closed).toBe(false);
    for (const client of [...crowd, follower]) client.destroy();
  });

  test('requests one after another on one connection are as many as one likes', async () => {
    const { socketPath } = await serve({ readForwarding: () => Promise.resolve(FORWARDING) });
    const client = await open(socketPath);
    for (let count = 0; count < 200; count += 1) {
      client.write(get('/v1/forwarding'));
      await once(client, 'data');
    }
    expect(client.closed).toBe(false);
    client.destroy();
  });

  test('a body in hundreds of thousands of pieces counts for what they take, and not for the few bytes in them', async () => {
    const { socketPath } = await serve({ replaceForwarding: () => Promise.reject(new Error('nobody should get that far')) });
    const answer = await exchange(socketPath, `PUT /v1/forwarding HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(150_000)}2\r\n{}\r\n0\r\n\r\n`);
    expect([answer.status, codeOf(answer.body)]).toEqual([413, 'REQUEST_TOO_LARGE']);
  });

  test('bodies of changes that wait for their turn count until they are answered', async () => {
    const waiting: (() => void)[] = [];
    const { socketPath } = await serve({ replaceForwarding: () => new Promise((resolve) => waiting.push(() => resolve({ outcome: 'unchanged', change: null, revision: 1, rules: [], warnings: [], plan: null, durationMs: 0 }))) });
    const body = `{"rules":[]${' '.repeat(7_900_000)}}`;
    const answers: Promise<{ readonly status: number; readonly body: string }>[] = [];
    for (let count = 0; count < 8; count += 1) {
      answers.push(exchange(socketPath, send('PUT', '/v1/forwarding', body)));
      await expect.poll(() => waiting.length).toBe(count + 1);
    }
    expect(codeOf((await exchange(socketPath, send('PUT', '/v1/forwarding', body))).body)).toBe('DAEMON_BUSY');
    for (const answer of waiting) answer();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    const again = exchange(socketPath, send('PUT', '/v1/forwarding', body));
    await expect.poll(() => waiting.length).toBe(9);
    waiting.at(-1)?.();
    expect((await again).status).toBe(200);
  });
});

test.each([['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n'], ['no HTTP', 'hello\r\n\r\n'], ['headers without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`]])('whoever sends %s and leaves ends nothing but their connection', async (_name, bytes) => {
  const { socketPath } = await serve({ readForwarding: () => Promise.resolve(FORWARDING) });
  for (let count = 0; count < 300; count += 1) {
    const client = await open(socketPath);
    client.on('error', () => client.destroy());
    client.write(bytes);
    if (count % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    client.destroy();
  }
  // A fault in the server, which is in this process, would have failed the test.
  expect((await exchange(socketPath, get('/v1/forwarding'))).status).toBe(200);
});

describe('logs', () => {
  test('of more than a reader may leave unread reach one who reads', { timeout: 60_000 }, async () => {
    const directory = tempDirectory();
    const line = (number: number): string => `${JSON.stringify({ level: 'info', time: '2026-01-01T00:00:00Z', message: `${number} ${'x'.repeat(500)}` })}\n`;
    writeFileSync(join(directory, 'connector-1.log'), Array.from({ length: 20_000 }, (_, index) => line(index)).join(''));
    const logs = createConnectorLogs(directory, createRedactor());
    const { socketPath } = await serve({ logs: (request, writer) => logs.stream(request, writer, new AbortController().signal) });
    const client = await open(socketPath);
    client.write('GET /v1/logs?lines=100000 HTTP/1.0\r\n\r\n');
    let text = '';
    client.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await once(client, 'close');
    expect(text.split('\n').filter((one) => one.startsWith('{'))).toHaveLength(20_000);
  });

  test('with one endless line, and with times that are none, are answered at once', async () => {
    const directory = tempDirectory();
    writeFileSync(join(directory, 'connector-1.log'), `{"time":"never","message":"${'http://a.'.repeat(1_000_000)}`);
    writeFileSync(join(directory, 'connector-2.log'), Array.from({ length: 2_000 }, (_, index) => `{"time":${index % 3 === 0 ? '"gibberish"' : '7'},"message":"${index}"}\n`).join(''));
    const logs = createConnectorLogs(directory, createRedactor());
    const { socketPath } = await serve({ logs: (request, writer) => logs.stream(request, writer, new AbortController().signal) });
    const client = await open(socketPath);
    client.write('GET /v1/logs?lines=5000 HTTP/1.0\r\n\r\n');
    let text = '';
    client.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await once(client, 'close');
    const lines = text.split('\n').filter((one) => one.startsWith('{'));
    expect(lines).toHaveLength(2_001);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(20_000);
  });
});

describe('the name of the socket', () => {
  const listener: RequestListener = () => undefined;

  test.each([
    ['in a directory that is not there', (directory: string) => join(directory, 'missing', 's')],
    ['below a file', (directory: string) => {
      writeFileSync(join(directory, 'file'), '');
      return join(directory, 'file', 's');
    }],
  ])('%s is refused with an error of the table', async (_name, make) => {
    const failure = await listenOnSocket(createServer(listener), make(tempDirectory())).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: expect.stringMatching(/^STORAGE_/) as unknown });
  });

  test.skipIf(process.getuid?.() !== 0)('that somebody else\'s socket has is left to them', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sticky-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    chmodSync(directory, 0o1777);
    const path = join(directory, 's');
    // Whoever bound it has ended; the name stays.
    expect(() => execFileSync(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`], { stdio: 'ignore' })).toThrow();
    chownSync(path, 65_534, 65_534);
    await expect(listenOnSocket(createServer(listener), path)).rejects.toMatchObject({ code: 'STORAGE_FORBIDDEN' });
    chownSync(path, process.getuid?.() ?? 0, 0);
    const server = createServer(listener);
    await listenOnSocket(server, path);
    server.close();
  });
});
