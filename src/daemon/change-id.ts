import { randomBytes } from 'node:crypto';
import { toIso, type Clock } from '../core/clock.js';

/** Names of changes: unique, sortable by time, and a file name. */
export const createChangeIds = (clock: Clock): (() => string) => {
  let last = '';
  let count = 0;
  return () => {
    const moment = toIso(clock.now()).replaceAll(/[-:.]/g, '');
    // Two in one millisecond, or a clock that went back: still in the order of making.
    if (moment > last) count = 0;
    else count += 1;
    last = moment > last ? moment : last;
    return `${last}-${String(count).padStart(4, '0')}-${randomBytes(3).toString('hex')}`;
  };
};
