import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { accessSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient, type EventLine, type SupervisorClient } from '../../src/api/client.js';
import type { SupervisorEvent } from '../../src/core/events.js';

/** The world of fixtures/devices/bridge-world.mjs, seen from outside its namespace: the control socket is a file. */
export interface BridgeWorld {
  readonly client: SupervisorClient;
  call(name: 'visit', hostname: string): Promise<{ readonly kind: string; readonly status?: number; readonly body?: string }>;
  call(name: 'visitUntil', hostname: string, wanted: string | number): Promise<readonly string[]>;
  call(name: 'lease', guest: string, how?: { readonly net?: number; readonly ask?: string }): Promise<string>;
  call(name: 'recordNames'): Promise<readonly string[]>;
  call(name: string, ...args: unknown[]): Promise<unknown>;
  readLeases(): Promise<string>;
  /** The first event after `since` that passes. */
  waitFor(accept: (event: SupervisorEvent) => boolean, since: number): Promise<SupervisorEvent>;
  seq(): Promise<number>;
  close(): Promise<void>;
}

const PROGRAMS = ['dnsmasq', 'udhcpc', 'ip', 'nsenter', 'unshare'];
const PROGRAM = fileURLToPath(new URL('../fixtures/devices/bridge-world.mjs', import.meta.url));
const UNSHARE = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--'];

/** Why this machine cannot have such a world; undefined where it can. */
export function lacksForBridge(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = PROGRAMS.filter((program) => !isOnPath(program));
  if (missing.length > 0) return `needs ${missing.join(', ')} (Debian: dnsmasq-base, udhcpc, iproute2, util-linux)`;
  if (findFaketime() === undefined) return 'needs libfaketime (Debian: faketime)';
  try {
    execFileSync('unshare', [...UNSHARE, 'ip', 'link', 'add', 'probe', 'type', 'bridge'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'this machine gives no network namespaces with bridges';
  }
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').concat('/usr/sbin', '/sbin').some((directory) => {
    try {
      accessSync(join(directory, program));
      return true;
    } catch {
      return false; // Not in this one.
    }
  });
}

function findFaketime(): string | undefined {
  for (const architecture of readdirSync('/usr/lib').filter((name) => name.includes('-linux-'))) {
    const path = join('/usr/lib', architecture, 'faketime', 'libfaketime.so.1');
    try {
      accessSync(path);
      return path;
    } catch {
      // Of another architecture.
    }
  }
  return undefined;
}

type Reply = { readonly ready: true } | { readonly id: number; readonly result?: unknown; readonly error?: string };

export async function createBridgeWorld(): Promise<BridgeWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-'));
  const child = spawn('unshare', [...UNSHARE, process.execPath, PROGRAM, directory, findFaketime() ?? ''], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const waiting = new Map<number, (reply: Reply) => void>();
  let ids = 0;
  await untilReady(child, waiting);

  const call = (name: string, ...args: unknown[]): Promise<never> =>
    new Promise((resolve, reject) => {
      const id = (ids += 1);
      waiting.set(id, (reply) => {
        if ('error' in reply && reply.error !== undefined) reject(new Error(`${name}: ${reply.error}`));
        else resolve(('result' in reply ? reply.result : undefined) as never);
      });
      child.send({ id, call: name, args });
    });
  const client = createClient({ socketPath: join(directory, 'base', 'control.sock') });
  return {
    client,
    call,
    readLeases: () => readFile(join(directory, 'dnsmasq.leases'), 'utf8'),
    waitFor: async (accept, since) => {
      for await (const event of client.events({ since })) if (isEvent(event) && accept(event)) return event;
      throw new Error('the daemon ended its events');
    },
    seq: async () => {
      for await (const line of client.events({})) if (line.type === 'snapshot') return line.data.newestSeq;
      throw new Error('the daemon ended its events');
    },
    close: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function untilReady(child: ChildProcess, waiting: Map<number, (reply: Reply) => void>): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.on('message', (reply: Reply) => {
      if ('ready' in reply) {
        resolve();
        return;
      }
      waiting.get(reply.id)?.(reply);
      waiting.delete(reply.id);
    });
    child.once('exit', (code, signal) => {
      reject(new Error(`the world ended with ${signal ?? code}`));
      for (const [id, tell] of waiting) tell({ id, error: `the world ended with ${signal ?? code}` });
    });
  });
}

const isEvent = (line: EventLine): line is SupervisorEvent => line.type !== 'snapshot' && line.type !== 'heartbeat';
