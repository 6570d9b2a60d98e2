import * as fc from 'fast-check';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { Agent, createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorBody } from '../../src/api/answers.js';
import type { AnswerOf } from '../../src/api/answers.js';
import { ERRORS, SupervisorError } from '../../src/core/errors.js';
import type { LineWriter } from '../../src/daemon/json-lines.js';
import { listenOnSocket } from '../../src/daemon/listen-socket.js';
import { exchange, get, open, send, serveControlSocket, type ControlSocket, type RawAnswer } from './control-socket.js';

const FORWARDING: AnswerOf<'readForwarding'> = { revision: 7, rules: [], setAside: [], views: [] };
const CHANGED: AnswerOf<'replaceForwarding'> = { outcome: 'applied', change: 'c', revision: 8, rules: [], warnings: [], plan: null, durationMs: 1 };

let socket: ControlSocket;
const requests: unknown[] = [];

beforeAll(async () => {
  socket = await serveControlSocket({
    readForwarding: () => Promise.resolve(FORWARDING),
    replaceForwarding: (request, { ifMatch }) => {
      requests.push({ ...request, ifMatch });
      return Promise.resolve(CHANGED);
    },
    removeRule: (request) => {
      requests.push(request);
      return Promise.resolve(CHANGED);
    },
    exposePorts: (request) => {
      requests.push(request);
      return Promise.resolve({ ...CHANGED, device: request.id, exposedPorts: [] });
    },
    rollback: () => Promise.reject(new Error('of no table')),
    disconnect: () => Promise.reject(new SupervisorError('DNS_CONFLICT', 'app.example.com is taken')),
    metrics: () => Promise.resolve('up 1\n'),
    logs: async (_request, writer) => {
      writer.write({ at: null });
      await Promise.resolve();
      writer.end();
    },
  });
});

afterAll(() => socket.close());

/** Every failure is one of the table: its code, and the status that the table gives the code. */
function errorOf(answer: RawAnswer) {
  const body = errorBody.parse(JSON.parse(answer.body));
  expect(answer.status).toBe(ERRORS[body.code].http);
  return body;
}

const codeOf = async (bytes: string | Buffer): Promise<string> => errorOf(await exchange(socket.socketPath, bytes)).code;

describe('a request', () => {
  test('is answered as JSON, with the revision as ETag', async () => {
    const answer = await exchange(socket.socketPath, get('/v1/forwarding'));
    expect(answer.status).toBe(200);
    expect(answer.head.toLowerCase()).toContain('etag: "7"');
    expect(JSON.parse(answer.body)).toEqual(FORWARDING);
  });

  test('may close its sending half', async () => {
    expect((await exchange(socket.socketPath, get('/v1/forwarding'), { halfClose: true })).status).toBe(200);
  });

  test('needs no Host, and may be of HTTP/1.0', async () => {
    expect((await exchange(socket.socketPath, 'GET /metrics HTTP/1.0\r\n\r\n')).body).toBe('up 1\n');
  });

  test('for a stream leaves nothing behind on its connection', async () => {
    const warnings: string[] = [];
    const note = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', note);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = async (): Promise<boolean> => {
      const request = httpRequest({ socketPath: socket.socketPath, path: '/v1/logs', agent }).end();
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      answer.resume();
      await once(answer, 'end');
      return request.reusedSocket;
    };
    const reused: boolean[] = [];
    for (let count = 0; count < 20; count += 1) reused.push(await ask());
    // Many at one time, too.
    const pipelined = await open(socket.socketPath);
    pipelined.write(get('/v1/logs').repeat(30) + get('/metrics'));
    let text = '';
    while (!text.includes('up 1')) text += String((await once(pipelined, 'data'))[0]);
    pipelined.destroy();
    agent.destroy();
    process.off('warning', note);
    expect(reused.filter(Boolean)).toHaveLength(19);
    expect(warnings).toEqual([]);
  });

  test('may wait for 100-continue before it sends its body', async () => {
    const request = httpRequest({ socketPath: socket.socketPath, method: 'PUT', path: '/v1/forwarding', headers: { expect: '100-continue', 'content-length': 12 } });
    request.flushHeaders();
    await once(request, 'continue');
    request.end('{"rules":[]}');
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(200);
  });

  test.each([['"7"', 7], ['7', 7], ['W/"7"', 7], ['*', undefined]])('gives its If-Match %s to the change', async (header, ifMatch) => {
    requests.length = 0;
    await exchange(socket.socketPath, send('PUT', '/v1/forwarding', '{"rules":[]}', `If-Match: ${header}\r\n`));
    expect(requests).toEqual([{ rules: [], ifMatch }]);
  });

  test('of DELETE has its fields in the query or in the body', async () => {
    requests.length = 0;
    await exchange(socket.socketPath, send('DELETE', '/v1/forwarding/rules?hostname=a.example.com&dryRun=true', ''));
    await exchange(socket.socketPath, send('DELETE', '/v1/forwarding/rules', '{"hostname":"a.example.com","path":"/x"}'));
    expect(requests).toEqual([{ hostname: 'a.example.com', dryRun: true }, { hostname: 'a.example.com', path: '/x' }]);
  });

  test('has fields in its path', async () => {
    requests.length = 0;
    await exchange(socket.socketPath, send('PUT', '/v1/devices/59%2F8/ports', '{"ports":[1,"2",{"port":3,"protocol":"https"}]}'));
    expect(requests).toEqual([{ id: '59/8', ports: [1, '2', { port: 3, protocol: 'https' }] }]);
  });
});

describe('what is refused, and how', () => {
  test.each([
    ['a page that says where it comes from', get('/v1/status', 'Origin: https://evil.example\r\n'), 'REQUEST_FORBIDDEN'],
    ['a page that refers', get('/v1/status', 'Referer: https://evil.example/\r\n'), 'REQUEST_FORBIDDEN'],
    ['a foreign Host', 'GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n', 'REQUEST_FORBIDDEN'],
    ['a foreign Host, before anything is routed', 'GET /nowhere HTTP/1.1\r\nHost: evil.example:80\r\n\r\n', 'REQUEST_FORBIDDEN'],
    ['an unknown path', get('/v1/nothing'), 'RESOURCE_UNKNOWN'],
    ['a path that is a trick', get('/v1/../v1/status'), 'RESOURCE_UNKNOWN'],
    ['a path that is not percent-encoded', get('/v1/%zz'), 'REQUEST_INVALID'],
    ['an unknown method', get('/v1/status').replace('GET', 'PATCH'), 'METHOD_UNKNOWN'],
    ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n', 'METHOD_UNKNOWN'],
    ['no HTTP', 'hello\r\n\r\n', 'REQUEST_INVALID'],
    ['TLS', Buffer.from('160301020001000200', 'hex'), 'REQUEST_INVALID'],
    ['headers without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(70_000)}`, 'REQUEST_TOO_LARGE'],
    ['an unknown expectation', get('/v1/status', 'Expect: tea\r\n'), 'REQUEST_INVALID'],
    ['a body that is no JSON', send('PUT', '/v1/forwarding', '{'), 'REQUEST_INVALID'],
    ['a body that is no object', send('PUT', '/v1/forwarding', '[]'), 'REQUEST_INVALID'],
    ['no body where one is needed', send('PUT', '/v1/forwarding', ''), 'REQUEST_INVALID'],
    ['a body that is no UTF-8', send('PUT', '/v1/forwarding', Buffer.from([0x22, 0xff, 0x22])), 'REQUEST_INVALID'],
    ['a body that says to be too large', get('/v1/forwarding', 'Content-Length: 99999999999\r\n').replace('GET', 'PUT'), 'REQUEST_TOO_LARGE'],
    ['deep nesting', send('PUT', '/v1/forwarding', `{"rules":${'['.repeat(1_000_000)}`), 'REQUEST_INVALID'],
    ['an If-Match that is no revision', send('PUT', '/v1/forwarding', '{"rules":[]}', 'If-Match: "a"\r\n'), 'REQUEST_INVALID'],
    ['a field given twice', get('/v1/events?since=1&since=2'), 'REQUEST_INVALID'],
    ['a field in address and body', send('DELETE', '/v1/forwarding/rules?hostname=a', '{"hostname":"b"}'), 'REQUEST_INVALID'],
    ['fields of PUT in the query', send('PUT', '/v1/forwarding?dryRun=true', '{"rules":[]}'), 'REQUEST_INVALID'],
    ['a negative sequence', get('/v1/events?since=-1'), 'REQUEST_INVALID'],
    ['a query of GET that is not known', get('/v1/forwarding?x=1'), 'REQUEST_INVALID'],
    ['__proto__', send('PUT', '/v1/forwarding', '{"rules":[],"__proto__":{"dryRun":true}}'), 'REQUEST_INVALID'],
    ['__proto__ in the query', get('/v1/forwarding?__proto__=1'), 'REQUEST_INVALID'],
  ])('%s', async (_name, bytes, code) => {
    expect(await codeOf(bytes)).toBe(code);
  });

  test('a body that becomes too large on its way', async () => {
    const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
    expect(await codeOf(get('/v1/forwarding', 'Transfer-Encoding: chunked\r\n').replace('GET', 'PUT') + chunk.repeat(9))).toBe('REQUEST_TOO_LARGE');
  });

  test('every wrong field by its rule and name', async () => {
    const rules = [{ hostname: 'a', destination: 'b', extra: 1 }, { hostname: 5, destination: 'b' }, {}];
    const body = errorOf(await exchange(socket.socketPath, send('PUT', '/v1/forwarding', JSON.stringify({ rules, takover: true }))));
    expect(body.code).toBe('REQUEST_INVALID');
    expect(body.problems.map(({ rule, field, code }) => [rule, field, code])).toEqual([
      [0, 'extra', 'FIELD_UNKNOWN'],
      [1, 'hostname', 'FIELD_INVALID'],
      [2, 'hostname', 'FIELD_MISSING'],
      [2, 'destination', 'FIELD_MISSING'],
      [undefined, 'takover', 'FIELD_UNKNOWN'],
    ]);
  });

  test('a failure of the table keeps its words', async () => {
    const body = errorOf(await exchange(socket.socketPath, send('POST', '/v1/disconnect', '{}')));
    expect(body).toMatchObject({ code: 'DNS_CONFLICT', message: 'app.example.com is taken', hint: ERRORS.DNS_CONFLICT.hint });
  });

  test('a failure that nobody foresaw is of the table too, and goes to the log', async () => {
    const before = socket.faults.length;
    expect(await codeOf(send('POST', '/v1/rollback', '{}'))).toBe('INTERNAL_FAULT');
    expect(socket.faults).toHaveLength(before + 1);
  });
});

describe('under abuse', () => {
  test('any bytes are answered from the table, or not at all', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('PUT', 'POST', 'DELETE', 'GET'),
        fc.constantFrom('/v1/forwarding', '/v1/forwarding/rules', '/v1/setup', '/v1/devices/1/ports', '/v1/reconcile', '/v1/rollback'),
        fc.oneof(fc.json(), fc.string({ unit: 'binary' }), fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1'))),
        async (method, path, body) => {
          const answer = await exchange(socket.socketPath, send(method, path, body));
          if (answer.status !== 200) errorOf(answer);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('200 clients at once are all answered', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => exchange(socket.socketPath, get('/v1/forwarding'))));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(200);
  });

  test.each([
    ['its headers', 'GET /v1/forwarding HTTP/1.1\r\nHost: loc'],
    ['its body', get('/v1/forwarding', 'Content-Length: 100\r\n').replace('GET', 'PUT')],
  ])('a client that is slow to send %s is told so', async (_name, bytes) => {
    const hasty = await serveControlSocket({}, { sendingTimeouts: { headersMs: 100, requestMs: 200 } });
    try {
      expect(errorOf(await exchange(hasty.socketPath, bytes)).code).toBe('REQUEST_TIMED_OUT');
    } finally {
      await hasty.close();
    }
  });

  test('a reader that never reads is cut off, and costs no more than it may', async () => {
    const line = 'x'.repeat(100_000);
    const most = 200;
    let cutOff: (written: number) => void = () => undefined;
    const writes = new Promise<number>((resolve) => (cutOff = resolve));
    const writeUntilCutOff = async (writer: LineWriter): Promise<number> => {
      let written = 0;
      for (; written < most && !writer.gone.aborted; written += 1) {
        writer.write(line);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return written;
    };
    const patient = await serveControlSocket({ events: async (_request, writer) => cutOff(await writeUntilCutOff(writer)) });
    const client = await open(patient.socketPath);
    client.pause();
    client.on('error', () => client.destroy());
    client.write(get('/v1/events'));
    expect((await writes) * line.length).toBeLessThan(8_000_000);
    client.destroy();
    await patient.close();
  });

  test('more streams than are served are refused, and the others go on', async () => {
    const crowded = await serveControlSocket({
      events: (_request, writer) => {
        writer.begin();
        return new Promise((resolve) => writer.gone.addEventListener('abort', () => resolve()));
      },
      readForwarding: () => Promise.resolve(FORWARDING),
    });
    const clients = await Promise.all(Array.from({ length: 100 }, () => open(crowded.socketPath)));
    await Promise.all(clients.map(async (client) => {
      client.write(get('/v1/events'));
      await once(client, 'data');
    }));
    expect(errorOf(await exchange(crowded.socketPath, get('/v1/events'))).code).toBe('DAEMON_BUSY');
    expect((await exchange(crowded.socketPath, get('/v1/forwarding'))).status).toBe(200);
    for (const client of clients) client.destroy();
    await crowded.close();
  });

  test('clients that leave in the middle disturb nobody', async () => {
    for (let index = 0; index < 50; index += 1) {
      const client = await open(socket.socketPath);
      client.write(get('/v1/forwarding', 'Content-Length: 100\r\n'));
      client.destroy();
    }
    expect((await exchange(socket.socketPath, get('/v1/forwarding'))).status).toBe(200);
  });
});

describe('the socket', () => {
  test('is its owner\'s alone', async () => {
    expect((await stat(socket.socketPath)).mode & 0o777).toBe(0o600);
  });

  test('is not taken from somebody who serves it', async () => {
    await expect(listenOnSocket(createServer(), socket.socketPath)).rejects.toMatchObject({ code: 'LOCK_HELD' });
  });

  test('is not made over a file that is none', async () => {
    const file = join(dirname(socket.socketPath), 'file');
    await writeFile(file, 'precious');
    await expect(listenOnSocket(createServer(), file)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });
});
