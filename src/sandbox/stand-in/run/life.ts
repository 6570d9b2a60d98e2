import process from 'node:process';

import type { Logger } from '../log/logger.js';

/** The two ends of a connector: asked to stop, and made to. */
export interface Life {
  /** Aborts when it is asked to end: unregister, finish what is in flight. */
  readonly graceful: AbortSignal;
  /** Aborts when it must end now. */
  readonly cut: AbortSignal;
}

/** Resolves when the signal aborts, at once where it has. */
export const whenAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Waits, or until one of the signals aborts. */
export function pause(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    for (const signal of signals) signal.addEventListener('abort', finish, { once: true });
    if (signals.some((signal) => signal.aborted)) finish();
  });
}

const SIGNAL_NAMES: Readonly<Record<string, string>> = { SIGTERM: 'terminated', SIGINT: 'interrupt' };

/** The first SIGTERM or SIGINT asks; its handler goes with it, so that a second one kills. */
export function listenForSignals(log: Logger, isIgnored: boolean): AbortSignal {
  const asked = new AbortController();
  const names = ['SIGTERM', 'SIGINT'] as const;
  const stop = (name: string): void => {
    if (isIgnored) return;
    for (const each of names) process.removeListener(each, stop);
    log.info(`Initiating graceful shutdown due to signal ${SIGNAL_NAMES[name] ?? name} ...`);
    asked.abort();
  };
  for (const name of names) process.on(name, stop);
  return asked.signal;
}
