import type { SupervisorClient } from '../api/client.js';
import { systemClock } from '../core/clock.js';
import type { Load } from './load.js';
import type { Origin } from './origin.js';

const ANSWER_DEADLINE_MS = 90_000;
/** All connections of a connector are there after about two seconds; then the next one may come. */
const SETTLE_DEADLINE_MS = 60_000;

export interface Move {
  readonly client: SupervisorClient;
  /** Of the name; what is seen of the change is seen by it. */
  readonly load: Load;
  readonly hostname: string;
  readonly target: Origin;
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
}

/** Leads the name to the target; resolves with applyMs: from `forwarding.accepted` to the first answer by the target. */
export async function moveOnce({ client, load, hostname, target, signal }: Move): Promise<number> {
  const watch = new AbortController();
  const events = client.events({ signal: signal === undefined ? watch.signal : AbortSignal.any([watch.signal, signal]) });
  try {
    await events.next();
    const answered = load.first(({ answeredBy }) => answeredBy === target.name, ANSWER_DEADLINE_MS, signal);
    const [{ outcome }, { endedAt }] = await Promise.all([client.addRule({ hostname, destination: target.url }, signal === undefined ? {} : { signal }), answered]);
    if (outcome !== 'applied') throw new Error(`${hostname} led to ${target.url} already`);
    for await (const event of events) {
      if (event.type === 'forwarding.accepted') return endedAt - Date.parse(event.at);
    }
    throw new Error('the daemon did not say that it accepted the change');
  } finally {
    watch.abort();
  }
}

/** Waits until one connector serves, with all its connections; `signal` gives it up. */
export async function settle(client: SupervisorClient, signal?: AbortSignal): Promise<void> {
  const deadline = systemClock.monotonic() + SETTLE_DEADLINE_MS;
  for (;;) {
    const { connectors } = await client.status(signal === undefined ? {} : { signal });
    const serving = connectors.filter((connector) => connector.state !== 'stopped');
    if (serving.length === 1 && serving.every((connector) => connector.state === 'ready' && connector.connections >= 4)) return;
    if (systemClock.monotonic() > deadline) throw new Error(`the connectors did not settle: ${JSON.stringify(connectors)}`);
    await systemClock.sleep(50, signal);
  }
}
