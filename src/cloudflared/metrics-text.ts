import type { Counters } from '../connector/ports.js';

const REGISTER_FAILURES = 'cloudflared_tunnel_tunnel_register_fail';
/** WebSockets and TCP streams are counted in it too. */
const IN_FLIGHT = 'cloudflared_tunnel_concurrent_requests_per_tunnel';

/**
 * The two figures that decisions need, of Prometheus text. Absent series mean that nothing was ever counted.
 * `ha_connections` is not read: it is 1 with the edge down.
 */
export function parseCounters(text: string): Counters {
  return { registerFailures: sumOf(text, REGISTER_FAILURES) ?? 0, inFlight: sumOf(text, IN_FLIGHT) };
}

/** Over all label sets of one metric; undefined where there is none. */
function sumOf(text: string, name: string): number | undefined {
  const values = text.split('\n').flatMap((line) => {
    if (!line.startsWith(name)) return [];
    const match = /^(?:\{[^}]*\})?\s+(\S+)/.exec(line.slice(name.length));
    const value = Number(match?.[1]);
    return match === null || !Number.isFinite(value) ? [] : [value];
  });
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}
