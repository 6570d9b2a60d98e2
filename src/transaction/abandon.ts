/** Settles with `work`, or rejects with the signal's reason as soon as that is aborted: for work that takes no signal. */
export async function orAbandon<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const settled = new AbortController();
  const abandoned = new Promise<never>((_, reject) => {
    const abandon = (): void => reject(signal.reason as Error);
    if (signal.aborted) abandon();
    else signal.addEventListener('abort', abandon, { once: true, signal: settled.signal });
  });
  try {
    return await Promise.race([work, abandoned]);
  } finally {
    settled.abort();
  }
}
