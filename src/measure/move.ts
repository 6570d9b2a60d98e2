import type { SupervisorClient } from '../api/client.js';
import { systemClock } from '../core/clock.js';
import { wholeBody, type Origin } from './origin.js';
import type { Visitors } from './visitor.js';

const ANSWER_DEADLINE_MS = 90_000;
/** All connections of a connector are there after about two seconds; then the next one may come. */
const SETTLE_DEADLINE_MS = 60_000;

export interface Move {
  readonly client: SupervisorClient;
  readonly visitors: Visitors;
  readonly hostname: string;
  readonly target: Origin;
}

/** Leads the name to the target; resolves with applyMs: from `forwarding.accepted` to the first answer by the target. */
export async function moveOnce({ client, visitors, hostname, target }: Move): Promise<number> {
  const watch = new AbortController();
  const events = client.events({ signal: watch.signal });
  try {
    await events.next();
    const answeredAt = visitors.until(hostname, (answer) => answer.kind === 'answered' && answer.body === wholeBody(target.name), ANSWER_DEADLINE_MS, watch.signal);
    const [, firstAnswerAt] = await Promise.all([client.addRule({ hostname, destination: target.url }), answeredAt]);
    for await (const event of events) {
      if (event.type === 'forwarding.accepted') return firstAnswerAt - Date.parse(event.at);
    }
    throw new Error('the daemon did not say that it accepted the change');
  } finally {
    watch.abort();
  }
}

/** Waits until one connector serves, with all its connections. */
export async function settle(client: SupervisorClient): Promise<void> {
  const deadline = systemClock.monotonic() + SETTLE_DEADLINE_MS;
  for (;;) {
    const { connectors } = await client.status();
    const serving = connectors.filter((connector) => connector.state !== 'stopped');
    if (serving.length === 1 && serving.every((connector) => connector.state === 'ready' && connector.connections >= 4)) return;
    if (systemClock.monotonic() > deadline) throw new Error(`the connectors did not settle: ${JSON.stringify(connectors)}`);
    await systemClock.sleep(50);
  }
}
