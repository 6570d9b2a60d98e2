import type { Random } from '../core/clock.js';
import type { Policy } from './policy.js';

/**
 * Failures that decay, after suture: each adds one, and time spent serving halves what is there. Time spent
 * waiting or failing does not: a long delay is no proof of health. All pure; times are monotonic ms.
 */
export interface Backoff {
  /** Decayed number of failures. */
  readonly level: number;
  /** The last starts since something was ready, oldest first; never more than the limit looks at. */
  readonly barren: readonly number[];
  /** Failures in a row that only a person can cure. */
  readonly slow: number;
  /** Metrics ports found taken in a row. */
  readonly ports: number;
}

export const NO_FAILURES: Backoff = { level: 0, barren: [], slow: 0, ports: 0 };

/** Another failure, after `servedMs` of having been ready. */
export const addFailure = (backoff: Backoff, servedMs: number, policy: Policy): Backoff => ({
  ...backoff,
  level: backoff.level * 0.5 ** (servedMs / policy.failureHalfLifeMs) + 1,
});

export const addStart = (backoff: Backoff, now: number, policy: Policy): Backoff => ({
  ...backoff,
  barren: [...backoff.barren, now].slice(-policy.barrenStarts),
});

/** It got ready: what failed before was passing, and starts are free again. */
export const forgetBarren = (backoff: Backoff): Backoff => ({ ...backoff, barren: [], slow: 0, ports: 0 });

/** The earliest moment for one more start that breaks no limit. */
export function earliestStart(backoff: Backoff, now: number, policy: Policy): number {
  const oldest = backoff.barren.length < policy.barrenStarts ? undefined : backoff.barren[0];
  return oldest === undefined ? now : Math.max(now, oldest + policy.barrenWindowMs);
}

/** When to restart after the failure just added. */
export function restartAt(backoff: Backoff, now: number, policy: Policy, random: Random): number {
  const over = backoff.level - policy.immediateUpToLevel;
  const delay = over <= 0 ? 0 : Math.min(policy.backoffCapMs, policy.backoffBaseMs * 2 ** (backoff.level - 2));
  return Math.max(now + jitter(delay, random), earliestStart(backoff, now, policy));
}

/** When to try again what only a person can cure. */
export function slowRetryAt(backoff: Backoff, now: number, policy: Policy, random: Random): number {
  const delay = Math.min(policy.slowRetryCapMs, policy.slowRetryMs * 2 ** Math.max(0, backoff.slow - 1));
  return Math.max(now + jitter(delay, random), earliestStart(backoff, now, policy));
}

/** Between three quarters of the delay and all of it: many machines that failed together do not return together. */
const jitter = (delayMs: number, random: Random): number => delayMs * (0.75 + 0.25 * random());
