import type { Clock } from '../../core/clock.js';
import { toSupervisorError } from '../../core/errors.js';
import { errorEvent, type PortacodeEvent } from '../events.js';
import { invalidField } from '../failures.js';
import type { JsonObject } from '../json.js';
import type { DaemonLink } from './daemon-link.js';
import type { Mirror } from './mirror.js';
import { labelled, parseCommand } from './parse-command.js';
import { readInputLines } from './read-lines.js';

export interface BridgeOptions {
  readonly input: AsyncIterable<Uint8Array | string>;
  /** One event as one line; resolves when more can be taken. */
  readonly write: (event: PortacodeEvent) => Promise<void>;
  /** Stream what nobody asked for, until `signal`; else it ends when the input does and the last answer is out. */
  readonly follow: boolean;
  readonly link: DaemonLink;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What a person should know; not for the agent. */
  readonly warn: (message: string) => void;
}

/** Commands that the daemon works on at one time; the others wait in the pipe. */
const MOST_IN_FLIGHT = 64;

/** Portacode's way in: JSON lines in, JSON lines out. Nothing that comes in ends it. */
export async function runBridge(options: BridgeOptions): Promise<void> {
  const { follow, signal, mirror } = options;
  await mirror.refresh();
  const following = follow ? followDaemon(options) : undefined;
  await relayCommands(options);
  // Who follows stays when nobody can send any more.
  await following;
  if (!signal.aborted) await mirror.refresh();
}

async function relayCommands(options: BridgeOptions): Promise<void> {
  const { input, write, link, mirror, signal } = options;
  const inFlight = new Set<Promise<void>>();
  const relay = async (message: JsonObject): Promise<void> => {
    if (message['cmd'] === 'follow') {
      await write(labelled(errorEvent(invalidField('cmd', 'following is an option of the command line: --follow')), message));
      return;
    }
    for await (const event of link.exchange(message)) {
      // Whoever has an answer finds the files as it says.
      await mirror.refresh();
      await write(labelled(event, message));
    }
    refreshLater(options);
  };
  for await (const line of readInputLines(input)) {
    if (signal.aborted) break;
    const parsed = parseCommand(line);
    if (parsed.kind === 'wrong') await write(parsed.event);
    if (parsed.kind !== 'command') continue;
    const task: Promise<void> = relay(parsed.message).finally(() => inFlight.delete(task));
    inFlight.add(task);
    if (inFlight.size >= MOST_IN_FLIGHT) await Promise.race(inFlight);
  }
  await Promise.all(inFlight);
}

/** The daemon writes what is shown of the tunnel a moment after it changed. */
const SETTLED_MS = 700;

function refreshLater({ follow, mirror, clock, signal }: BridgeOptions): void {
  if (follow) void clock.sleep(SETTLED_MS, signal).then(() => mirror.refresh(), () => undefined);
}

/** The daemon says something every ten seconds; after this its connection is dead. */
const SILENCE_MS = 45_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** Goes on across restarts of the daemon, after the last event that came; starts one where there is none. */
async function followDaemon(options: BridgeOptions): Promise<void> {
  const { write, link, mirror, clock, signal, warn } = options;
  let since: number | undefined;
  let pauseMs = FIRST_PAUSE_MS;
  let warned = '';
  const isSaid = rememberState();
  while (!signal.aborted) {
    const connection = new AbortController();
    try {
      const events = await link.open({ cmd: 'follow', ...(since === undefined ? {} : { since }) }, connection.signal);
      for await (const { seq, ...event } of untilSilent(events, clock)) {
        if (typeof seq === 'number') since = seq;
        pauseMs = FIRST_PAUSE_MS;
        await mirror.refresh();
        if (event.event.startsWith('supervisor_') || isSaid(event)) continue;
        await write(event);
        refreshLater(options);
      }
    } catch (error) {
      if (signal.aborted) break;
      const failure = toSupervisorError(error);
      const start = failure.code === 'DAEMON_UNREACHABLE' ? await link.bringUp().then(() => undefined, toSupervisorError) : failure;
      if (start !== undefined && start.message !== warned) warn(start.message);
      warned = start?.message ?? '';
    } finally {
      connection.abort();
    }
    await clock.sleep(pauseMs, signal).catch(() => undefined); // stopped: seen by the condition
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
  }
}

/** Who begins to follow anew is told the state of the connectors, which need not be new. */
function rememberState(): (event: PortacodeEvent) => boolean {
  let last = '';
  return (event) => {
    if (event.event !== 'cloudflare_connector_state') return false;
    const now = JSON.stringify([event['state'], event['error_code']]);
    const isSame = now === last;
    last = now;
    return isSame;
  };
}

async function* untilSilent(events: AsyncGenerator<PortacodeEvent, void, undefined>, clock: Clock): AsyncGenerator<PortacodeEvent, void, undefined> {
  for (;;) {
    const heard = new AbortController();
    const silence = clock.sleep(SILENCE_MS, heard.signal).then(
      () => 'silent' as const,
      () => 'heard' as const,
    );
    const next = events.next();
    const first = await Promise.race([next, silence]).finally(() => heard.abort());
    if (typeof first === 'string' || first.done === true) {
      next.catch(() => undefined); // its connection is given up by who opened it
      return;
    }
    yield first.value;
  }
}
