import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { chooseFreePort, isPortTaken } from '../../../src/cloudflared/free-port.js';
import { askResolver, checkNetwork, isEdgeNamed } from '../../../src/cloudflared/network.js';

async function listen(): Promise<number> {
  const server: Server = createServer((socket) => socket.destroy());
  onTestFinished(() => {
    server.close();
  });
  return await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

describe('the network', () => {
  test('is up when one of the addresses accepts, down when all refuse', async () => {
    const open = await listen();
    const closed = await chooseFreePort();
    expect(await checkNetwork([`127.0.0.1:${closed}`, `127.0.0.1:${open}`])).toBe('up');
    expect(await checkNetwork([`localhost:${open}`])).toBe('up');
    expect(await checkNetwork([`127.0.0.1:${closed}`, `[::1]:${closed}`])).toBe('down');
  });

  test('a resolver answers when it says anything, and is dead when it is silent or refuses', async () => {
    const talking = createSocket('udp4');
    // SERVFAIL to whatever is asked: it is there.
    talking.on('message', (query, peer) => {
      const answer = Buffer.from(query);
      answer[2] = 0x80 | (query[2] ?? 0);
      answer[3] = 0x82;
      talking.send(answer, peer.port, peer.address);
    });
    const silent = createSocket('udp4');
    onTestFinished(() => {
      talking.close();
      silent.close();
    });
    for (const socket of [talking, silent]) {
      await new Promise<void>((resolve) => {
        socket.bind(0, '127.0.0.1', () => resolve());
      });
    }
    expect(await askResolver([`127.0.0.1:${talking.address().port}`])).toBe('answers');
    expect(await askResolver([`127.0.0.1:${silent.address().port}`])).toBe('silent');
    expect(await askResolver([`127.0.0.1:${await chooseFreePort()}`])).toBe('refuses');
  });

  test('the edge is named, or given by its addresses', () => {
    expect([[], ['edge.example.com:7844'], ['192.0.2.1:7844', 'localhost:1']].map(isEdgeNamed)).toEqual([true, true, true]);
    expect([['192.0.2.1:7844'], ['192.0.2.1:1', '[2001:db8::1]:7844']].map(isEdgeNamed)).toEqual([false, false]);
  });

  test('a port is free, or taken', async () => {
    expect(await isPortTaken(await listen())).toBe(true);
    expect(await isPortTaken(await chooseFreePort())).toBe(false);
  });
});
