/** Go's durations without sign, and without the bare 0: what cloudflared's time-outs are written in. */
const DURATION = /^(?:(?:\d{1,12}(?:\.\d{0,9})?|\.\d{1,9})(?:ns|us|µs|μs|ms|s|m|h))+$/;
const NANOSECONDS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, 'µs': 1e3, 'μs': 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12 };

/** Seconds of a duration in Go's notation (`1m30s`); undefined where it is none. */
export function durationSeconds(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let nanoseconds = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)([a-zµμ]+)/g)) nanoseconds += Number(amount) * (NANOSECONDS[unit ?? ''] ?? 0);
  return nanoseconds / 1e9;
}
