const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, 'μs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const WHOLE = /^([+-]?)((?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/u;
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gu;

/** Go's duration text (`1m30s`) in ms; a unit is needed, save for 0. Undefined where it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (/^[+-]?0$/u.test(text)) return 0;
  const sign = WHOLE.exec(text)?.[1];
  if (sign === undefined) return undefined;
  let ms = 0;
  for (const [, amount = '0', unit = 's'] of text.matchAll(PART)) ms += Number(amount) * (UNIT_MS[unit] ?? 0);
  return sign === '-' ? -ms : ms;
}

const trim = (value: number): string => String(Number(value.toFixed(9)));

/** As Go prints a duration: `2m0s`, `1.5s`, `250ms`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  const size = Math.abs(ms);
  const sign = ms < 0 ? '-' : '';
  if (size < 1) return size < 1e-3 ? `${sign}${trim(size * 1e6)}ns` : `${sign}${trim(size * 1e3)}µs`;
  if (size < 1000) return `${sign}${trim(size)}ms`;
  const hours = Math.floor(size / 3_600_000);
  const minutes = Math.floor(size / 60_000) % 60;
  const seconds = `${trim((size % 60_000) / 1000)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}
