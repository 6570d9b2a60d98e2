import { request } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { env } from 'node:process';

import { goNetError } from './go-net-error.js';

const isLoopback = (host: string): boolean => host === 'localhost' || host.startsWith('127.') || host === '::1';

function isExcluded(host: string, list: string): boolean {
  return list.split(',').some((entry) => {
    const name = entry.trim().toLowerCase().replace(/:\d+$/u, '');
    if (name === '') return false;
    return name === '*' || name === host || (isIP(host) === 0 && host.endsWith(name.startsWith('.') ? name : `.${name}`));
  });
}

/** The proxy for HTTPS to this host, by the environment as Go reads it; undefined for none. */
export function proxyFor(host: string): URL | undefined {
  const text = [env['HTTPS_PROXY'], env['https_proxy']].find((value) => value !== undefined && value !== '');
  if (text === undefined || isLoopback(host) || isExcluded(host, env['NO_PROXY'] ?? env['no_proxy'] ?? '')) return undefined;
  return new URL(text.includes('://') ? text : `http://${text}`);
}

/** A connection to the target through the proxy. Rejects when the proxy does not give one. */
export function connectThrough(proxy: URL, target: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const credentials = proxy.username === '' ? '' : Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64');
    const connecting = request({
      method: 'CONNECT',
      host: proxy.hostname.replace(/^\[(.*)\]$/u, '$1'),
      port: proxy.port === '' ? 80 : Number(proxy.port),
      path: target,
      headers: { host: target, ...(credentials === '' ? {} : { 'proxy-authorization': `Basic ${credentials}` }) },
      signal,
    });
    connecting.once('connect', (response, socket: Socket) => {
      if (response.statusCode === 200) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(new Error(response.statusMessage ?? 'the proxy refused'));
    });
    connecting.once('error', (error) => reject(new Error(`proxyconnect tcp: ${goNetError(error)}`)));
    connecting.end();
  });
}
