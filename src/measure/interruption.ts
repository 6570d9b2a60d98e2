/** What shells say of a process that a signal ended. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export interface Interruption {
  /** Aborted by the first signal that ends us. */
  readonly signal: AbortSignal;
  /** What to exit with; undefined as long as nobody interrupts. */
  exitCode(): number | undefined;
}

/**
 * From now on no signal ends this process before it has put things in order. Later ones change nothing: npm passes on what
 * the terminal has sent to all of us. A terminal that has gone is no failure either.
 */
export function listenForInterruption(): Interruption {
  const interruption = new AbortController();
  let exitCode: number | undefined;
  for (const name of Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[]) {
    process.on(name, () => {
      exitCode ??= EXIT_CODES[name];
      interruption.abort(new Error('interrupted'));
    });
  }
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return { signal: interruption.signal, exitCode: () => exitCode };
}
