/** So many rules are a few milliseconds of work. */
export const RULES_A_TURN = 200;

let last: Promise<void> = Promise.resolve();

/**
 * Awaited now and then by what computes for long. One of all who wait goes on in each round of the event loop, in the
 * order in which they asked; so whoever asks something small meanwhile waits for one turn, however many compute.
 */
export function nextTurn(): Promise<void> {
  last = last.then(() => new Promise((resolve) => void setImmediate(resolve)));
  return last;
}
