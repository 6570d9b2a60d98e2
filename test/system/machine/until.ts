const POLL_MS = 25;

/** Asks until the answer is there and passes; a question that fails is asked again. The last failure is told. */
export async function until<T>(ask: () => T | Promise<T>, accept: (answer: T) => boolean, timeoutMs = 20_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let last: unknown;
    try {
      const answer = await ask();
      if (accept(answer)) return answer;
      last = JSON.stringify(answer);
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms; the last answer was: ${String(last)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
