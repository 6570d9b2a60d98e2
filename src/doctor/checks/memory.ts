import { readMemory, type MemoryFacts } from '../../daemon/replace-mode.js';
import { fail, pass, type Check } from '../check.js';
import type { DoctorScope } from '../scope.js';

const NAME = 'memory';
/** What a connector takes at its start; it grows with its rules. */
const CONNECTOR_BYTES = 40 * 1024 * 1024;
const SPARE_BYTES = 16 * 1024 * 1024;

/** Whether two connectors fit side by side, which is what no request being lost rests on. */
export function checkMemory({ status }: Pick<DoctorScope, 'status'>): Check {
  return judgeMemory(readMemory(status?.connectors.flatMap(({ pid }) => pid ?? []) ?? []));
}

/** Pure. What runs already is not free any more. */
export function judgeMemory({ freeBytes, connectorBytes }: MemoryFacts): Check {
  if (freeBytes === undefined) return pass(NAME, 'not known: this system does not say what is free');
  const missing = Math.max(0, 2 - connectorBytes.length);
  const needed = missing * Math.max(CONNECTOR_BYTES, ...connectorBytes) + SPARE_BYTES;
  const inMegabytes = (bytes: number): string => `${Math.floor(bytes / 1024 / 1024)} MB`;
  if (freeBytes < needed) return fail(NAME, 'MEMORY_SHORT', `${inMegabytes(freeBytes)} are free, and ${inMegabytes(needed)} are needed for two connectors side by side.`);
  return pass(NAME, `${inMegabytes(freeBytes)} free`);
}
