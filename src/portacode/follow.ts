import { toIso, type Clock } from '../core/clock.js';
import { EventFeed, type EventSource, type FeedReader } from '../core/event-feed.js';
import type { SupervisorEvent } from '../core/events.js';
import { beatUntil } from '../core/heartbeat.js';
import type { ConnectorStatus } from '../core/status.js';
import type { TunnelIdentity } from '../core/tunnel.js';
import { ConnectorWatch, type ConnectorNews } from './connector-watch.js';
import { deviceOfTunnel } from './device-tunnel-name.js';
import { errorEvent, forwardingChanged, tunnelConfigured, tunnelLogin, type PortacodeEvent } from './events.js';
import type { JsonObject } from './json.js';
import { pythonTimeOf } from './python-text.js';
import type { CommandStream } from './service.js';
import type { SetupAskers } from './setup-askers.js';
import { SupervisorError } from '../core/errors.js';

/** As that of a command; what is sent of the past waits until it is read. */
export type FollowStream = CommandStream & FeedReader;

export interface FollowParts {
  readonly log: EventSource;
  readonly askers: SetupAskers;
  readonly connectors: () => readonly ConnectorStatus[];
  readonly tunnel: () => TunnelIdentity | undefined;
  /** When a revision was made, ISO 8601; undefined for one that is not the current one any more. */
  readonly madeAt: (revision: number) => string | undefined;
  /** As in PortacodePorts: it never rejects. */
  readonly tunnelFile: () => Promise<JsonObject>;
  readonly clock: Clock;
  /** The daemon stops: every stream ends. */
  readonly stopping: AbortSignal;
}

/** Streams what nobody of Portacode asked for, after event `since`, until its reader goes or the daemon stops. */
export type Follow = (stream: FollowStream, since: number | undefined) => Promise<void>;

/** Who heard of an event of a setup when it happened, and who would have wanted to. */
interface Hearing {
  readonly told: boolean;
  readonly requestId: unknown;
  readonly askedByPortacode: boolean;
}

const KEPT_HEARINGS = 200;
const OF_SETUP: ReadonlySet<SupervisorEvent['type']> = new Set(['login.url-issued', 'setup.completed', 'setup.failed']);

/**
 * Every line has the number of the event that it comes from (`seq`), so that who follows can go on where it was cut off,
 * also by a restart of the daemon.
 */
export function createFollow(parts: FollowParts): Follow {
  const { log, askers, clock } = parts;
  const hearings = new Map<number, Hearing>();
  // Before any follower: each of them then finds what was decided.
  log.subscribe((event) => {
    if (!OF_SETUP.has(event.type)) return;
    const outlived = askers.outlived();
    hearings.set(event.seq, { told: askers.isTelling(), requestId: outlived?.requestId, askedByPortacode: outlived !== undefined });
    const [oldest] = hearings.keys();
    if (hearings.size > KEPT_HEARINGS && oldest !== undefined) hearings.delete(oldest);
    if (event.type !== 'login.url-issued') askers.forget();
  });

  return async (stream, since) => {
    const { send, gone } = stream;
    const over = new AbortController();
    const until = AbortSignal.any([gone, parts.stopping, over.signal]);
    // From here on everything that happens waits behind what happened before.
    const feed = new EventFeed(log, stream);
    let seq = Math.min(since ?? log.newestSeq(), log.newestSeq());
    let watch: ConnectorWatch | undefined;
    let connectorsAt = toIso(clock.now());
    const say = async (event: SupervisorEvent): Promise<void> => {
      if (event.type.startsWith('connector.')) connectorsAt = event.at;
      const news = watch?.take(event);
      const said = news === undefined ? await translate(event, hearings.get(event.seq), parts) : describeConnectors(news, event.at);
      seq = event.seq;
      if (said !== undefined) send({ ...said, seq });
    };

    send({ event: 'supervisor_following', seq });
    if (since === undefined) watch = new ConnectorWatch(parts.connectors());
    const beating = beatUntil(until, clock, () => send({ event: 'supervisor_heartbeat', seq }));
    try {
      if (since !== undefined) {
        for await (const event of feed.past(seq)) await say(event);
        // Of the past of connectors only what came of it counts.
        watch = new ConnectorWatch(parts.connectors());
        send({ ...describeConnectors(watch.now(), connectorsAt), seq });
      }
      for await (const event of feed.present(until)) await say(event);
    } finally {
      feed.close();
      over.abort();
      await beating;
    }
  };
}

const describeConnectors = ({ state, message, errorCode }: ConnectorNews, at: string): PortacodeEvent => ({ event: 'cloudflare_connector_state', state, since: pythonTimeOf(at), message, error_code: errorCode });

async function translate(event: SupervisorEvent, hearing: Hearing | undefined, { tunnel, madeAt, tunnelFile }: FollowParts): Promise<PortacodeEvent | undefined> {
  const label = (said: PortacodeEvent): PortacodeEvent => (hearing?.requestId === undefined ? said : { ...said, request_id: hearing.requestId });
  switch (event.type) {
    case 'login.url-issued':
      return hearing?.told === true ? undefined : label(tunnelLogin(event.data));
    case 'setup.completed':
      return hearing?.told === true ? undefined : label(tunnelConfigured(event.data.domain, await tunnelFile(), event.data.warnings ?? []));
    case 'setup.failed': {
      // What somebody else asked for, and did not get, is between them and us.
      if (hearing === undefined || hearing.told || !hearing.askedByPortacode) return undefined;
      const { code, message, hint, problems } = event.data.error;
      return label(errorEvent(new SupervisorError(code, message, { hint, problems })));
    }
    case 'forwarding.applied': {
      const { reason, revision, rules, warnings } = event.data;
      // A command was answered; and a setup without rules has said all there is to say.
      if (reason === 'portacode' || (reason === 'setup' && rules.length === 0)) return undefined;
      const name = tunnel()?.name;
      return forwardingChanged({ views: rules, at: madeAt(revision) ?? event.at, warnings }, reason, name === undefined ? undefined : deviceOfTunnel(name));
    }
    default:
      return undefined;
  }
}
