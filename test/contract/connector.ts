import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { EventEmitter } from 'node:events';

import { expect, vi, type TestContext } from 'vitest';

import { edgeEntries } from '../../src/sandbox/environment.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { Tunnel } from '../../src/sandbox/world/tunnels.js';
import type { Program } from './programs.js';
import { whenEnded, type Ending } from './run-to-end.js';
import { Scratch } from './scratch.js';

export interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly message?: string;
  readonly error?: string;
  readonly connIndex?: number;
}

export interface ConnectorOptions {
  /** The configuration; `tunnel` is added to it. YAML, of which JSON is a part. */
  readonly config?: object | string;
  /** After `tunnel`, besides those that the local edge needs. */
  readonly flags?: readonly string[];
  /** After `run`. The credentials file unless given. */
  readonly runFlags?: readonly string[];
  /** The tunnel's id unless given. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly tunnel?: Tunnel;
  /** `HOST:PORT` in place of the sandbox's edge. */
  readonly edges?: readonly string[];
  readonly metrics?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

function parseLine(line: string): LogLine | undefined {
  try {
    return line.startsWith('{') ? (JSON.parse(line) as LogLine) : undefined;
  } catch {
    // See `log`.
    return undefined;
  }
}

let tunnels = 0;

export function createTunnel(sandbox: Sandbox): Tunnel {
  const account = sandbox.world.zones.find()?.account;
  if (account === undefined) throw new Error('The sandbox has no zone.');
  tunnels += 1;
  return sandbox.world.tunnels.create(account.id, `contract-${process.pid}-${tunnels}`);
}

export const credentialsOf = (tunnel: Tunnel): string =>
  JSON.stringify({ AccountTag: tunnel.accountId, TunnelSecret: tunnel.secret.toString('base64'), TunnelID: tunnel.id, Endpoint: '' });

/** `tunnel run` as a supervisor starts it, but for the log, which comes through a pipe so that a test can wait for its lines. */
export class Connector {
  readonly tunnel: Tunnel;
  readonly scratch: Scratch;
  readonly child: ChildProcess;
  /** What it wrote, as it came. */
  text = '';
  readonly ended: Promise<Pick<Ending, 'code' | 'signal'>>;
  readonly #sandbox: Sandbox;
  readonly #news = new EventEmitter();

  constructor(program: Program, sandbox: Sandbox, context: Pick<TestContext, 'onTestFinished'>, options: ConnectorOptions = {}) {
    this.#sandbox = sandbox;
    this.#news.setMaxListeners(0);
    this.scratch = new Scratch(context);
    this.tunnel = options.tunnel ?? createTunnel(sandbox);
    const config = options.config ?? { ingress: [{ service: 'http_status:404' }] };
    const configFile = this.scratch.write('config.yml', typeof config === 'string' ? config : JSON.stringify({ tunnel: this.tunnel.id, ...config }));
    const credentials = this.scratch.write('credentials.json', credentialsOf(this.tunnel));
    const args = [
      'tunnel', '--config', configFile, '--no-autoupdate', '--metrics', options.metrics ?? '127.0.0.1:0', '--protocol', 'http2', '--no-prechecks', '--output', 'json',
      '--cacert', sandbox.caFile, ...edgeEntries(options.edges ?? sandbox.edge.addresses).flatMap((address) => ['--edge', address]), ...(options.flags ?? []),
      'run', ...(options.runFlags ?? ['--credentials-file', credentials]), ...(options.args ?? [this.tunnel.id]),
    ];
    this.child = spawn(program.path, args, { env: this.scratch.environment(options.env), stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.text += chunk.toString();
      this.#news.emit('news');
    });
    this.ended = whenEnded(this.child);
    void this.ended.then(() => this.#news.emit('news'));
    context.onTestFinished(async () => {
      this.child.kill('SIGKILL');
      await this.ended;
    });
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Its log so far. What is no JSON object is left out: the last words of a failure, and lines that the real program's threads wrote into each other. */
  get log(): readonly LogLine[] {
    const whole = this.text.slice(0, this.text.lastIndexOf('\n') + 1);
    return whole.split('\n').flatMap((line) => parseLine(line) ?? []);
  }

  logged(message: string): readonly LogLine[] {
    return this.log.filter((line) => line.message?.includes(message));
  }

  /** Resolves with the line that is the `count`th to hold this text; rejects when the connector ends without it. */
  async untilLogged(message: string, count = 1): Promise<LogLine> {
    for (;;) {
      const line = this.logged(message)[count - 1];
      if (line !== undefined) return line;
      if (!this.isAlive && this.child.stderr?.readableEnded === true) throw new Error(`ended without saying "${message}":\n${this.text}`);
      await once(this.#news, 'news');
    }
  }

  /** `HOST:PORT` of its metrics server, which at port 0 only the log tells. */
  async metricsAddress(): Promise<string> {
    const { message = '' } = await this.untilLogged('Starting metrics server on ');
    return /on (.+)\/metrics$/u.exec(message)?.[1] ?? '';
  }

  async get(path: string): Promise<HttpAnswer> {
    const response = await fetch(`http://${await this.metricsAddress()}${path}`);
    return { status: response.status, body: await response.text() };
  }

  async readyConnections(): Promise<number> {
    return (JSON.parse((await this.get('/ready')).body) as { readonly readyConnections: number }).readyConnections;
  }

  /** Waits for this many registered connections, by its own word and the edge's. */
  async untilConnected(count = 1): Promise<void> {
    await this.untilLogged('Registered tunnel connection', count);
    await vi.waitFor(async () => expect(await this.readyConnections()).toBeGreaterThanOrEqual(count), { interval: 20, timeout: 5000 });
  }

  /** A figure of `/metrics`; undefined where it is not shown. */
  async metric(name: string): Promise<number | undefined> {
    const line = (await this.get('/metrics')).body.split('\n').find((text) => text.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  }

  get atEdge(): number {
    return this.#sandbox.edge.connections(this.tunnel.id).filter(({ state }) => state === 'serving').length;
  }
}
