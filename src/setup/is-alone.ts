import type { Clock } from '../core/clock.js';
import type { CloudflareAccount } from './ports.js';

/** The account hears a little later than we that a connector has gone. */
const LOOKS = 5;
const LOOK_AGAIN_MS = 2_000;

/** Whether nobody is connected to the tunnel but these: by default, after our own connectors have ended, nobody at all. */
export async function isAlone(clock: Clock, account: CloudflareAccount, tunnelId: string, signal: AbortSignal, ours: readonly string[] = []): Promise<boolean> {
  for (let look = 1; ; look += 1) {
    if ((await account.listConnectors(tunnelId, signal)).every(({ id }) => ours.includes(id))) return true;
    if (look === LOOKS) return false;
    await clock.sleep(LOOK_AGAIN_MS, signal);
  }
}
