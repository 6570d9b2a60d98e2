import type { ConnectorStatus } from '../core/status.js';
import type { EventLog } from './event-log.js';

/** Resolves when no connector is ending any more. Rejects with the signal's reason. */
export function waitUntilDrained(connectors: { status(): readonly ConnectorStatus[] }, log: Pick<EventLog, 'subscribe'>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const isDrained = (): boolean => connectors.status().every(({ state }) => state !== 'draining');
    if (isDrained()) {
      resolve();
      return;
    }
    const settle = (conclude: () => void): void => {
      unsubscribe();
      signal.removeEventListener('abort', giveUp);
      conclude();
    };
    const giveUp = (): void => settle(() => reject(signal.reason as Error));
    const unsubscribe = log.subscribe((event) => {
      if (event.type === 'connector.stopped' && isDrained()) settle(resolve);
    });
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
}
