import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';

import { readProcess } from '../../../src/host/process-table.js';
import type { PortacodeEvent } from '../../../src/portacode/events.js';
import { expect } from 'vitest';
import { createRig, type Daemon, type Rig } from '../daemon/rig.js';

/** The daemon between Portacode, a Proxmox host's `pct` and the offline Cloudflare. */
export interface PortacodeRig extends Rig {
  readonly stateDir: string;
  readonly pct: Pct;
  /** As `start`, with `pct` on PATH. */
  serve(environment?: Readonly<Record<string, string>>): Promise<Daemon>;
  /** Ends a daemon that somebody else brought up. */
  stopStarted(): Promise<void>;
  /** One command over the socket; all its events. `onEvent` gets each as it comes. */
  send(command: Readonly<Record<string, unknown>>, onEvent?: (event: PortacodeEvent) => void): Promise<readonly PortacodeEvent[]>;
  /** The same; its last event. */
  ask(command: Readonly<Record<string, unknown>>): Promise<PortacodeEvent>;
  /** A person authorises the login that waits. */
  authorise(zone?: string): Promise<void>;
  /** Connects example.com through a login that is authorised at once. */
  connect(zone?: string): Promise<PortacodeEvent>;
  readState(name: 'tunnel' | 'forwarding'): Record<string, unknown>;
  /** Undefined where there is no such file. */
  stateIfThere(name: 'tunnel' | 'forwarding'): Record<string, unknown> | undefined;
  /** A record in the zone that is not ours. */
  addRecord(record: { readonly type: string; readonly name: string; readonly content: string }): void;
  /** The same; what is no JSON is the text that it is. */
  stateOrProblem(name: 'tunnel' | 'forwarding'): unknown;
  /** Every record of the zone. */
  records(): readonly { readonly type: string; readonly name: string }[];
  writeState(name: 'tunnel' | 'forwarding', content: unknown): void;
  /** What Portacode wrote when it made the container of a device. */
  addContainer(vmid: number, deviceId: string): void;
}

export interface Pct {
  readonly directory: string;
  /** As they were called, without the record of `cat`. */
  calls(): readonly (readonly string[])[];
  forget(): void;
  read(vmid: number, path: string): string | undefined;
  /** From now on this word of a call fails; `*` is every call. */
  failOn(word: string | undefined): void;
}

/** Matchers, which vitest types as anything at all. */
export const containing = (part: string): unknown => expect.stringContaining(part) as unknown;
export const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern) as unknown;
export const ANY_TEXT: unknown = expect.any(String);
export const ANY_NUMBER: unknown = expect.any(Number);

/** What is true soon, as far as nobody says when. */
export const eventually = <T>(look: () => T | Promise<T>) => expect.poll(look, { timeout: 15_000, interval: 20 });

export const EXPOSED = '/etc/portacode/exposed_services.json';

export async function createPortacodeRig(options: Parameters<typeof createRig>[0] = {}): Promise<PortacodeRig> {
  const rig = await createRig(options);
  const stateDir = join(rig.directory, 'state');
  const socketPath = join(rig.baseDir, 'control.sock');
  const pct = installPct(join(rig.directory, 'pct'));
  const fileOf = (name: 'tunnel' | 'forwarding'): string => join(stateDir, `cloudflare_${name}.json`);

  const send: PortacodeRig['send'] = async (command, onEvent) => {
    const events: PortacodeEvent[] = [];
    for await (const line of postLines(socketPath, command)) {
      const event = JSON.parse(line) as PortacodeEvent;
      events.push(event);
      onEvent?.(event);
    }
    return events;
  };
  const ask: PortacodeRig['ask'] = async (command) => {
    const last = (await send(command)).at(-1);
    if (last === undefined) throw new Error('there was no answer');
    return last;
  };
  const authorise = async (zone?: string): Promise<void> => {
    await rig.sandbox.world.changes.wait(() => rig.sandbox.logins.list().find(({ polls, state }) => polls > 0 && state === 'waiting'), 10_000);
    rig.sandbox.logins.authorise(undefined, zone);
  };

  return {
    ...rig, stateDir, pct, send, ask,
    serve: (environment = {}) => rig.start({ PATH: `${pct.directory}:${process.env['PATH'] ?? ''}`, ...environment }),
    authorise,
    stopStarted: async () => {
      const pid = await rig.client.status().then(({ daemon }) => daemon.pid, () => undefined);
      if (pid === undefined) return;
      process.kill(pid, 'SIGKILL');
      await eventually(() => readProcess(pid) === undefined).toBe(true);
    },
    connect: async (zone) => {
      const [answer] = await Promise.all([ask({ cmd: 'setup_cloudflare_tunnel', device_id: '6' }), authorise(zone)]);
      if (answer.event !== 'cloudflare_tunnel_configured') throw new Error(JSON.stringify(answer));
      return answer;
    },
    readState: (name) => JSON.parse(readFileSync(fileOf(name), 'utf8')) as Record<string, unknown>,
    stateIfThere: (name) => (existsSync(fileOf(name)) ? (JSON.parse(readFileSync(fileOf(name), 'utf8')) as Record<string, unknown>) : undefined),
    addRecord: (record) => {
      const zone = rig.sandbox.world.zones.find('example.com');
      if (zone === undefined) throw new Error('the sandbox has no example.com');
      rig.sandbox.world.records.create(zone, record);
    },
    stateOrProblem: (name) => {
      const text = existsSync(fileOf(name)) ? readFileSync(fileOf(name), 'utf8') : '';
      return text.trimEnd().endsWith('}') ? (JSON.parse(text) as unknown) : text;
    },
    records: () => rig.sandbox.world.records.list(rig.sandbox.world.zones.find('example.com')?.id ?? ''),
    writeState: (name, content) => {
      mkdirSync(stateDir, { recursive: true });
      writeFileSync(fileOf(name), typeof content === 'string' ? content : JSON.stringify(content, null, 2));
    },
    addContainer: (vmid, deviceId) => {
      const directory = join(stateDir, 'containers');
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `ct-${vmid}.json`), JSON.stringify({ device_id: deviceId, vmid }));
    },
  };
}

function installPct(directory: string): Pct {
  mkdirSync(directory, { recursive: true });
  const fixture = new URL('../../fixtures/portacode/fake-pct.mjs', import.meta.url);
  const program = join(directory, 'pct');
  writeFileSync(program, `#!${process.execPath}\nimport(${JSON.stringify(fixture.href)}).then(({ runPct }) => runPct(${JSON.stringify(directory)}));\n`);
  chmodSync(program, 0o755);
  const calls = join(directory, 'calls.jsonl');
  const failing = join(directory, 'fail');
  return {
    directory,
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n').map((line) => (JSON.parse(line) as { argv: readonly string[] }).argv).filter((argv) => argv[3] !== 'cat') : []),
    forget: () => rmSync(calls, { force: true }),
    read: (vmid, path) => {
      const file = join(directory, 'ct', String(vmid), path);
      return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    },
    failOn: (word) => (word === undefined ? rmSync(failing, { force: true }) : writeFileSync(failing, word)),
  };
}

/** As a few lines of any language would do it. */
async function* postLines(socketPath: string, body: object): AsyncGenerator<string> {
  const text = JSON.stringify(body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request({ socketPath, method: 'POST', path: '/v1/portacode', agent: false, headers: { host: 'localhost', 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } });
    outgoing.once('response', resolve).once('error', reject).end(text);
  });
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
}

/** `pct` runs as root; who is not root needs sudo for it. */
export const isRoot = process.geteuid?.() === 0;


