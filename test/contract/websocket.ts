import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { openVisit } from './visitor.js';

/** A visitor's WebSocket, as far as these tests look into it: bytes that are sent, and bytes that come. */
export interface VisitorSocket {
  readonly response: IncomingMessage;
  readonly socket: Duplex;
  send(bytes: Buffer): void;
  /** Resolves when as many bytes are there, with these. */
  read(count: number): Promise<Buffer>;
  readonly closed: Promise<void>;
}

/** Rejects where the answer is no 101. */
export function openWebSocket(sandbox: Sandbox, hostname: string, path = '/socket'): Promise<VisitorSocket> {
  const asking = openVisit(sandbox, hostname, {
    path,
    headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': randomBytes(16).toString('base64') },
  });
  return new Promise((resolve, reject) => {
    asking.once('error', reject);
    asking.once('response', (response) => reject(new Error(`The answer is ${response.statusCode ?? 0}.`)));
    asking.once('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
      let pending = head;
      let arrived: () => void = () => undefined;
      socket.on('data', (chunk: Buffer) => {
        pending = Buffer.concat([pending, chunk]);
        arrived();
      });
      socket.on('error', () => socket.destroy());
      resolve({
        response,
        socket,
        send: (bytes) => void socket.write(bytes),
        read: async (count) => {
          while (pending.length < count) {
            await new Promise<void>((done) => {
              arrived = done;
            });
          }
          const bytes = pending.subarray(0, count);
          pending = pending.subarray(count);
          return bytes;
        },
        closed: new Promise((done) => {
          socket.once('close', done);
        }),
      });
    });
    asking.end();
  });
}

/** One masked binary frame of at most 125 bytes, as a client sends it. */
export function maskedFrame(payload: Buffer, opcode = 2): Buffer {
  const mask = randomBytes(4);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}
