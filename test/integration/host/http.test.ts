import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type AddressInfo, type Server as NetServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createDispatcher, type DispatcherOptions } from '../../../src/host/http.js';
import { loadUndici } from '../../../src/host/undici.js';
import { createCertificateAuthority, type CertificateAuthority } from '../../../src/sandbox/certificates.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

/** Known to the proxy alone: whoever reaches it went through. */
const NAME = 'api.cloudflare.test';

let authority: CertificateAuthority;
beforeAll(async () => {
  authority = await createCertificateAuthority();
});

async function listen(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    if ('closeAllConnections' in server) (server as Server).closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

async function startTlsServer(): Promise<number> {
  const { key, cert } = await authority.issue({ names: [NAME, 'localhost'], ips: ['127.0.0.1'] });
  return listen(createHttpsServer({ key, cert }, (_request, response) => response.end('secure')));
}

/** Tunnels to one port whatever is asked, and answers what is not tunnelled; remembers both. */
async function startProxy(target: number): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const proxy = createHttpServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url} ${incoming.headers['proxy-authorization'] ?? '-'}`);
    response.end('by proxy');
  });
  proxy.on('connect', (incoming, socket) => {
    asked.push(`CONNECT ${incoming.url} ${incoming.headers['proxy-authorization'] ?? '-'}`);
    const upstream = connect(target, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const one of [upstream, socket]) one.on('error', () => { upstream.destroy(); socket.destroy(); });
    socket.on('close', () => upstream.destroy());
  });
  return { url: `http://127.0.0.1:${await listen(proxy)}`, asked };
}

async function get(url: string, options: DispatcherOptions): Promise<string> {
  const dispatcher = await createDispatcher(options);
  try {
    // The same parts of undici as in production: its whole would bring what they might lack.
    const { request } = await loadUndici();
    return await (await request(url, { dispatcher })).body.text();
  } finally {
    await dispatcher.close();
  }
}

function caFile(): string {
  const path = join(tempDirectory(), 'ca.pem');
  writeFileSync(path, authority.pem);
  return path;
}

describe('certificates', () => {
  test.each(['SSL_CERT_FILE', 'ssl_cert_file'])('%s is trusted, which Node ignores', async (name) => {
    const port = await startTlsServer();
    await expect(get(`https://127.0.0.1:${port}/`, { env: {} })).rejects.toThrow(/certificate/);
    expect(await get(`https://127.0.0.1:${port}/`, { env: { [name]: caFile() } })).toBe('secure');
  });

  test('a CA file is trusted beside the others, and one server can be trusted for itself', async () => {
    const port = await startTlsServer();
    expect(await get(`https://localhost:${port}/`, { env: {}, caFiles: [caFile()] })).toBe('secure');
    expect(await get(`https://localhost:${port}/`, { env: {}, tls: { rejectUnauthorized: false } })).toBe('secure');
  });

  test('SSL_CERT_FILE stands instead of the built-in roots', async () => {
    const port = await startTlsServer();
    const other = join(tempDirectory(), 'other.pem');
    writeFileSync(other, (await createCertificateAuthority('another')).pem);
    await expect(get(`https://127.0.0.1:${port}/`, { env: { SSL_CERT_FILE: other } })).rejects.toThrow(/certificate/);
  });
});

describe('proxies', () => {
  test('https goes through a tunnel, with the password that the URL has', async () => {
    const proxy = await startProxy(await startTlsServer());
    const url = new URL(proxy.url);
    url.username = 'user';
    url.password = 'p%40ss';
    expect(await get(`https://${NAME}/`, { env: { https_proxy: url.href, SSL_CERT_FILE: caFile() } })).toBe('secure');
    expect(proxy.asked).toEqual([`CONNECT ${NAME}:443 Basic ${Buffer.from('user:p@ss').toString('base64')}`]);
  });

  test('http does not, since many proxies tunnel to port 443 alone', async () => {
    const proxy = await startProxy(0);
    expect(await get(`http://${NAME}/path?q=1`, { env: { HTTP_PROXY: proxy.url } })).toBe('by proxy');
    expect(proxy.asked).toEqual([`GET http://${NAME}/path?q=1 -`]);
  });

  test('loopback never does, and neither does what is excepted', async () => {
    const port = await startTlsServer();
    const proxy = await startProxy(0);
    const env = { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: caFile() };
    expect(await get(`https://localhost:${port}/`, { env })).toBe('secure');
    // Nobody else knows the name: whether a resolver says so or keeps silent, it was not asked of the proxy.
    await expect(get(`https://${NAME}:${port}/`, { env: { ...env, NO_PROXY: '.cloudflare.test' }, connectTimeoutMs: 500 })).rejects.toThrow();
    expect(proxy.asked).toEqual([]);
  });

  test('the environment of the process itself has no say', async () => {
    const proxy = await startProxy(0);
    process.env['HTTP_PROXY'] = proxy.url;
    onTestFinished(() => {
      delete process.env['HTTP_PROXY'];
    });
    await expect(get(`http://${NAME}/`, { env: {}, connectTimeoutMs: 500 })).rejects.toThrow();
    expect(proxy.asked).toEqual([]);
  });
});

describe('time', () => {
  test('an answer that does not begin, and one that does not go on, end in time', async () => {
    const port = await listen(createHttpServer((incoming, response) => {
      if (incoming.url === '/half') response.write('half');
    }));
    const options = { env: {}, headersTimeoutMs: 200, bodyTimeoutMs: 200 };
    await expect(get(`http://127.0.0.1:${port}/none`, options)).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' });
    await expect(get(`http://127.0.0.1:${port}/half`, options)).rejects.toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' });
  });
});
