import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestSecure } from 'node:https';
import { connect as connectTls } from 'node:tls';

import { goNetError } from './go-net-error.js';
import { connectThrough, proxyFor } from './proxy.js';
import { systemRoots } from './system-roots.js';

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface Call {
  readonly method: 'GET' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Through the proxy of the environment: `login` does, the API client does not. */
  readonly usesProxy: boolean;
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** One request, one connection. The error's message is worded like Go's. */
export async function call(options: Call): Promise<Answer> {
  const url = new URL(options.url);
  const signal = AbortSignal.timeout(options.timeoutMs);
  const isSecure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[(.*)\]$/u, '$1');
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
  try {
    const proxy = options.usesProxy && isSecure ? proxyFor(host) : undefined;
    const shared: RequestOptions = { method: options.method, host, port, path: `${url.pathname}${url.search}`, headers: options.headers, signal };
    const socket = proxy === undefined ? undefined : await connectThrough(proxy, `${host}:${port}`, signal);
    const roots = systemRoots();
    const ca = roots === '' ? [] : roots;
    // An agent would open a connection of its own, whatever `createConnection` says.
    const connection = socket === undefined ? { agent: false } : { createConnection: () => connectTls({ socket, servername: host, ca }) };
    const request = isSecure ? requestSecure({ ...shared, ...connection, ca }) : requestPlain({ ...shared, agent: false });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', reject);
      request.end(options.body);
    });
    return { status: response.statusCode ?? 0, contentType: response.headers['content-type'] ?? '', body: await readBody(response) };
  } catch (error) {
    const reason = signal.aborted ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)' : goNetError(error);
    throw new Error(`${options.method === 'GET' ? 'Get' : 'Put'} "${options.url}": ${reason}`, { cause: error });
  }
}
