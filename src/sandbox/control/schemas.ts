/** What the control API takes, one schema for each body; the client's types come from here. */
import { z } from 'zod';

const count = z.number().int().min(0);
const timing = { after: count.optional(), times: count.optional() };

const apiFault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('status'), status: z.number().int().min(400).max(599),
    code: z.number().int().optional(), message: z.string().optional(), retryAfterS: count.optional(),
  }),
  z.strictObject({ kind: z.literal('slow'), delayMs: count }),
  z.strictObject({ kind: z.literal('hang') }),
  z.strictObject({ kind: z.literal('refuse') }),
  z.strictObject({ kind: z.literal('cut-off') }),
  z.strictObject({ kind: z.literal('truncate') }),
  z.strictObject({ kind: z.literal('html'), status: z.number().int().min(200).max(599).optional() }),
]);

const loginFault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['give-up', 'server-error', 'reset', 'never', 'bad-certificate', 'revoked-token']) }),
  z.strictObject({ kind: z.literal('other-zone'), zone: z.string() }),
]);

const edgeFault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('reject'), cause: z.string(), retryAfterMs: count.optional() }),
  z.strictObject({ kind: z.literal('slow'), delayMs: count }),
  z.strictObject({ kind: z.literal('silence') }),
]);

/** The rules of api/faults.ts, login/faults.ts and edge-faults.ts, and which of the three it is. */
export const faultRequest = z.discriminatedUnion('on', [
  z.strictObject({ on: z.literal('api'), fault: apiFault, method: z.string().optional(), path: z.string().optional(), ...timing }),
  z.strictObject({ on: z.literal('login'), fault: loginFault, ...timing }),
  z.strictObject({ on: z.literal('edge'), fault: edgeFault, tunnelId: z.string().optional(), connIndex: count.optional(), ...timing }),
]);
export type FaultRequest = z.infer<typeof faultRequest>;

/** The oldest login that waits, and the first zone, unless given. */
export const authoriseRequest = z.strictObject({ login: z.string().optional(), zone: z.string().optional() });
export type AuthoriseRequest = z.infer<typeof authoriseRequest>;

export const zoneRequest = z.strictObject({ zone: z.string().optional() });

export const rightsRequest = z.strictObject({ tunnels: z.boolean(), zoneRead: z.boolean(), dnsRead: z.boolean(), dnsEdit: z.boolean() }).partial();
export type RightsRequest = z.infer<typeof rightsRequest>;

/** Null switches it off. */
export const rateLimitRequest = z.strictObject({ requests: count, windowMs: z.number().int().min(1) }).nullable();

export const recordRequest = z.strictObject({
  zone: z.string().optional(),
  type: z.string(),
  name: z.string(),
  content: z.string(),
  proxied: z.boolean().optional(),
  ttl: z.number().optional(),
  comment: z.string().nullable().optional(),
  priority: z.number().optional(),
});
export type RecordRequest = z.infer<typeof recordRequest>;

export const tunnelRequest = z.strictObject({ name: z.string(), zone: z.string().optional() });

export const dialModeRequest = z.strictObject({ mode: z.enum(['serve', 'refuse', 'reset', 'blackhole']) });
export type DialModeRequest = z.infer<typeof dialModeRequest>;

/** Those that match all that is given, the oldest `count` of them; everything unless given. */
export const dropRequest = z.strictObject({
  tunnelId: z.string().optional(), connectorId: z.string().optional(), connectionId: z.string().optional(), count: count.optional(),
});
export type DropRequest = z.infer<typeof dropRequest>;

export const condition = z.discriminatedUnion('kind', [
  /** A login is in this state: the one given, or any. */
  z.strictObject({ kind: z.literal('login'), state: z.enum(['waiting', 'authorised', 'delivered', 'abandoned']), login: z.string().optional() }),
  /** So many connections serve (of the tunnel, by id or name; of all); `connectors` counts the processes behind them. */
  z.strictObject({
    kind: z.literal('connections'), tunnel: z.string().optional(),
    atLeast: count.optional(), atMost: count.optional(), connectorsAtLeast: count.optional(), connectorsAtMost: count.optional(),
  }),
  /** The name has a record (of the type), or none. */
  z.strictObject({ kind: z.literal('record'), name: z.string(), type: z.string().optional(), content: z.string().optional(), present: z.boolean() }),
  /** So many requests that match were made. */
  z.strictObject({ kind: z.literal('requests'), method: z.string().optional(), path: z.string().optional(), atLeast: count }),
  /** The fault met so many cases. */
  z.strictObject({ kind: z.literal('fault'), id: z.string(), atLeast: count }),
]);
export type Condition = z.infer<typeof condition>;

/** How long one call waits; the client calls again until its own deadline. */
export const WAIT_MAX_MS = 30_000;
export const waitRequest = z.strictObject({ condition, timeoutMs: z.number().int().min(0).max(WAIT_MAX_MS) });
