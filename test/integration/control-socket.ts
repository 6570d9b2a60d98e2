import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Handlers } from '../../src/daemon/calls.js';
import { createControlServer, type ControlServerParts } from '../../src/daemon/control-server.js';
import { listenOnSocket } from '../../src/daemon/listen-socket.js';
import { CALLS } from '../../src/api/calls.js';

export interface ControlSocket {
  readonly socketPath: string;
  readonly faults: unknown[];
  close(): Promise<void>;
}

/** The real server on a real socket, with what a test gives as handlers; any other call fails the test that made it. */
export async function serveControlSocket(given: Partial<Handlers>, options: Pick<ControlServerParts, 'sendingTimeouts'> = {}): Promise<ControlSocket> {
  const directory = await mkdtemp(join(tmpdir(), 'control-'));
  const socketPath = join(directory, 'control.sock');
  const missing = Object.fromEntries(
    Object.keys(CALLS).map((name) => [name, () => Promise.reject(new Error(`the test gave no handler for ${name}`))]),
  ) as unknown as Handlers;
  const faults: unknown[] = [];
  const server = createControlServer({ handlers: { ...missing, ...given }, onFault: (fault) => faults.push(fault), ...options });
  await listenOnSocket(server, socketPath);
  return {
    socketPath,
    faults,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rm(directory, { recursive: true });
    },
  };
}

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Whatever bytes a client sends, and whatever comes back until the other side closes, or the answer is whole. */
export async function exchange(socketPath: string, bytes: string | Buffer, options: { readonly halfClose?: boolean } = {}): Promise<RawAnswer> {
  const socket = await open(socketPath);
  socket.write(bytes);
  if (options.halfClose === true) socket.end();
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    if (isWhole(Buffer.concat(chunks).toString())) socket.destroy();
  });
  // A refused sender may see its pipe break after the answer arrived.
  socket.on('error', () => socket.destroy());
  await once(socket, 'close');
  return parse(Buffer.concat(chunks).toString());
}

export async function open(socketPath: string): Promise<Socket> {
  const socket = connect(socketPath);
  await once(socket, 'connect');
  return socket;
}

function parse(text: string): RawAnswer {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body };
}

function isWhole(text: string): boolean {
  const { head, body } = parse(text);
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  return length !== undefined && Buffer.byteLength(body) >= Number(length);
}

export const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;

export function send(method: string, path: string, body: string | Buffer, headers = ''): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\ncontent-length: ${bytes.length}\r\n${headers}\r\n`), bytes]);
}
