import { ERRORS, HANDED_OVER, type ErrorCode } from '../core/errors.js';

export const exitCodeOf = (code: ErrorCode): number => ERRORS[code].exit;

/** A person stopped it. */
export const INTERRUPTED = exitCodeOf('INTERRUPTED');

export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, 'done'],
  [1, 'failed'],
  [2, 'bad input'],
  [3, 'no daemon'],
  [4, 'needs a person (login, takeover, rights)'],
  [5, 'conflict'],
  [HANDED_OVER, 'handed over to the next daemon (`run`)'],
  [INTERRUPTED, 'interrupted'],
];
