import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type SupervisorClient } from '../api/client.js';
import { listProcesses } from '../host/process-table.js';
import { Load, type LoadReport } from '../measure/load.js';
import type { Narrator } from './narrator.js';
import { measureMoves, type MoveFigures } from './moves.js';
import { startOrigin, wholeBody, type Origin } from '../measure/origin.js';
import { Program } from '../measure/program.js';
import { startOffline, type Offline } from '../measure/offline.js';
import { Visitors, type Answer } from '../measure/visitor.js';

export interface DemoResult {
  /** Every step held, nothing was lost in the move, and the new rule answered. */
  readonly ok: boolean;
  readonly cloudflared: { readonly kind: 'real' | 'stand-in'; readonly version: string } | null;
  readonly requests: number;
  /** Not 200, wrong body, reset, or truncated. */
  readonly lost: number;
  /** From `forwarding.accepted` to the first answer by the new rule at the edge; median. */
  readonly applyMs: number | null;
  /** The same binary from spawn to its first `/ready` 200, under the same load; median of as many, interleaved. */
  readonly floorMs: number | null;
  /** From SIGKILL of the connector to the first answer. */
  readonly recoveryMs: number | null;
  readonly moves: MoveFigures['pairs'];
  readonly failure: string | null;
}

export interface StoryOptions {
  readonly narrator: Narrator;
  /** A person opens the login page, instead of the demo's visitor. */
  readonly manual: boolean;
  /** Ends the story where it is; what it has started and made goes all the same. */
  readonly signal: AbortSignal;
}

const ZONE = 'example.com';
const HOSTNAME = `app.${ZONE}`;
const REQUESTS_PER_SECOND = 200;
const ANSWER_DEADLINE_MS = 60_000;
/** The grace period, and some. */
const STOP_TIMEOUT_MS = 40_000;

/** Runs the whole story; resolves also where it fails, and always leaves no process and no file. */
export async function tellStory(options: StoryOptions): Promise<DemoResult> {
  const home = await mkdtemp(join(tmpdir(), 'cloudflared-supervisor-demo-'));
  const story = new Story(options, home);
  let failure: string | null = null;
  try {
    await story.tell();
  } catch (error) {
    failure = describeFailure(options.signal.aborted ? options.signal.reason : error);
  }
  try {
    await story.end();
  } catch (error) {
    failure ??= describeFailure(error);
  }
  return story.result(failure);
}

const describeFailure = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class Story {
  readonly #narrator: Narrator;
  readonly #manual: boolean;
  readonly #signal: AbortSignal;
  readonly #home: string;
  readonly #origins: Origin[] = [];
  #offline: Offline | undefined;
  #daemon: Program | undefined;
  #visitors: Visitors | undefined;
  #load: LoadReport | undefined;
  #moves: MoveFigures | undefined;
  #recoveryMs: number | null = null;

  constructor({ narrator, manual, signal }: StoryOptions, home: string) {
    this.#narrator = narrator;
    this.#manual = manual;
    this.#signal = signal;
    this.#home = home;
  }

  async tell(): Promise<void> {
    const offline = await this.#narrator.step('Start the sandbox, an offline Cloudflare', async () => (this.#offline = await startOffline(this.#home, ZONE, this.#signal)), ({ cloudflared }) =>
      `with cloudflared ${cloudflared.version} (${cloudflared.kind === 'real' ? 'the real one' : 'the stand-in'})`);
    const visitors = (this.#visitors = new Visitors(offline.visitors));
    await this.#narrator.step('Start the daemon', async () => await this.#startDaemon(offline), (pid) => `pid ${String(pid)}, as an ordinary process`);
    await this.#connect(offline);

    const [first, second] = [await startOrigin('first'), await startOrigin('second')];
    this.#origins.push(first, second);
    await this.#narrator.step(`Publish ${HOSTNAME} to ${first.url}`, async () => {
      await this.#command(offline, ['forward', 'add', HOSTNAME, first.url, '--json']);
      await visitors.until(HOSTNAME, answeredBy(first), ANSWER_DEADLINE_MS, this.#signal);
    }, () => 'a visitor at the edge is answered by it');

    const client = createClient({ socketPath: offline.socketPath });
    await this.#move(client, offline, visitors, first, second);
    await this.#narrator.step('Kill the connector with SIGKILL', async () => await this.#recover(client, visitors), (ms) => `service was back after ${String(Math.round(ms))} ms`);
    await this.#narrator.step(`Remove ${HOSTNAME}`, async () => {
      await this.#command(offline, ['forward', 'remove', HOSTNAME, '--json']);
      const left = await offline.control.records({ name: HOSTNAME });
      if (left.length > 0) throw new Error(`its DNS record is still there: ${JSON.stringify(left)}`);
      await visitors.until(HOSTNAME, (answer) => answer.kind === 'answered' && answer.status === 530, ANSWER_DEADLINE_MS, this.#signal);
    }, () => 'its DNS record is gone, and visitors are told so');
  }

  /** Stops everything, and makes sure that nothing is left. */
  async end(): Promise<void> {
    await this.#narrator.step('Stop everything', async () => {
      this.#visitors?.close();
      const graceful = (await this.#daemon?.stop(STOP_TIMEOUT_MS)) ?? true;
      await Promise.all(this.#origins.map((origin) => origin.close()));
      await this.#offline?.stop();
      const left = listProcesses((entry) => entry.argv.some((argument) => argument.includes(this.#home)));
      for (const { pid } of left) process.kill(pid, 'SIGKILL');
      await rm(this.#home, { recursive: true, force: true });
      if (!graceful) throw new Error('the daemon had to be killed');
      if (left.length > 0) throw new Error(`processes were left: ${left.map(({ pid, argv }) => `${String(pid)} ${argv.join(' ')}`).join('; ')}`);
      const files = (await readdir(tmpdir())).filter((name) => join(tmpdir(), name) === this.#home);
      if (files.length > 0) throw new Error(`files were left: ${this.#home}`);
    }, () => 'no process and no file is left');
  }

  result(failure: string | null): DemoResult {
    const lost = this.#load?.lost ?? 0;
    const reasons = [...(this.#load?.reasons ?? [])].map(([reason, times]) => `${String(times)} × ${reason}`);
    const problem = failure ?? (lost > 0 ? `${String(lost)} requests were lost: ${reasons.join('; ')}` : null);
    return {
      ok: problem === null,
      cloudflared: this.#offline === undefined ? null : this.#offline.cloudflared,
      requests: this.#load?.requests ?? 0,
      lost,
      applyMs: this.#moves?.applyMs ?? null,
      floorMs: this.#moves?.floorMs ?? null,
      recoveryMs: this.#recoveryMs,
      moves: this.#moves?.pairs ?? [],
      failure: problem,
    };
  }

  async #startDaemon(offline: Offline): Promise<number> {
    this.#signal.throwIfAborted();
    // Not to be told to end by the signal: before it, the visitors and the load go, and after it the sandbox.
    this.#daemon = new Program(['run'], offline.environment);
    await this.#daemon.line((line) => line['event'] === 'daemon.ready', this.#signal);
    return this.#daemon.pid;
  }

  async #connect(offline: Offline): Promise<void> {
    await this.#narrator.step('Connect the domain (setup)', async () => {
      const setup = new Program(['setup', '--json'], offline.environment, this.#signal);
      const issued = await setup.line((line) => line['type'] === 'login.url-issued');
      const { url } = issued['data'] as { url: string };
      this.#narrator.say(`  Login URL: ${url}`);
      if (this.#manual) this.#narrator.say(`  Open ${offline.loginPage} and authorise ${ZONE} there.`);
      else await offline.control.authorise({ login: url, zone: ZONE });
      const done = await setup.finish();
      if (done['type'] !== 'setup.completed') throw new Error(`setup ended with ${JSON.stringify(done)}`);
    }, () => `${ZONE} is connected`);
  }

  async #move(client: SupervisorClient, offline: Offline, visitors: Visitors, first: Origin, second: Origin): Promise<void> {
    const load = new Load(visitors, { hostname: HOSTNAME, perSecond: REQUESTS_PER_SECOND, origins: [first.name, second.name] });
    const live = setInterval(() => this.#narrator.now(`${String(load.sent)} requests sent, ${String(load.lost)} lost`), 200);
    try {
      this.#moves = await measureMoves({ client, offline, load, hostname: HOSTNAME, origins: [second, first], home: this.#home, narrator: this.#narrator, signal: this.#signal });
    } finally {
      this.#load = await load.stop();
      clearInterval(live);
    }
    const { requests, lost } = this.#load;
    this.#narrator.say(`  ${String(requests)} requests at ${String(REQUESTS_PER_SECOND)} a second, 5 % slow and 1 % streamed: ${String(lost)} lost`);
  }

  async #recover(client: SupervisorClient, visitors: Visitors): Promise<number> {
    const { connectors } = await client.status({ signal: this.#signal });
    const serving = connectors.filter((connector) => connector.pid !== null && connector.state === 'ready');
    if (serving.length === 0) throw new Error('no connector is ready');
    const killedAt = Date.now();
    for (const { pid } of serving) if (pid !== null) process.kill(pid, 'SIGKILL');
    await visitors.until(HOSTNAME, (answer) => answer.kind === 'answered' && answer.status !== 200, 2_000, this.#signal).catch(() => killedAt);
    const backAt = await visitors.until(HOSTNAME, (answer) => answer.kind === 'answered' && answer.status === 200, ANSWER_DEADLINE_MS, this.#signal);
    this.#recoveryMs = backAt - killedAt;
    return this.#recoveryMs;
  }

  async #command(offline: Offline, args: readonly string[]): Promise<void> {
    await new Program(args, offline.environment, this.#signal).finish();
  }
}

const answeredBy = (origin: Origin) => (answer: Answer): boolean => answer.kind === 'answered' && answer.status === 200 && answer.body === wholeBody(origin.name);
