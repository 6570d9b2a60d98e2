import { z } from 'zod';
import { isObject } from '../core/json.js';
import type { CallName } from './calls.js';

/**
 * What each call takes. Strict everywhere: an unknown field is refused and named, never ignored. Fields of GET and
 * DELETE may stand in the query or in a JSON body; those of PUT and POST stand in the body.
 */

/** Query values are strings; a body may hold the real thing. */
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]).exactOptional();
const count = (minimum: number, maximum: number) =>
  z.union([z.number(), z.string().regex(/^\d{1,15}$/, 'must be a whole number').transform(Number)])
    .pipe(z.number().int().min(minimum).max(maximum));

/** Shapes only; what makes a name or a destination right is decided in forwarding/validate. */
const ruleFields = {
  hostname: z.string(),
  path: z.string().exactOptional(),
  destination: z.string(),
  // Not a record: that would drop a key `__proto__` without a word.
  originRequest: z.custom<Record<string, unknown>>(isObject, 'must be an object').exactOptional(),
};

const changeFields = {
  /** Replace DNS records that are not ours, keeping what they were. */
  takeover: z.boolean().exactOptional(),
  /** Answer with the plan and change nothing. */
  dryRun: z.boolean().exactOptional(),
};

export const forwardingRule = z.strictObject(ruleFields);

/** `8000`, `"8000"` or `{"port":8000,"protocol":"https"}`. */
const exposedPort = z.union([
  z.number(),
  z.string(),
  z.strictObject({ port: z.union([z.number(), z.string()]), protocol: z.string().exactOptional() }),
]);

export const REQUESTS = {
  status: z.strictObject({}),
  events: z.strictObject({
    /** Continue after this sequence number. */
    since: count(0, Number.MAX_SAFE_INTEGER).exactOptional(),
  }),
  logs: z.strictObject({
    /** The last so many lines first; 100 by default. */
    lines: count(0, 100_000).exactOptional(),
    /** Then go on as lines are written. */
    follow: flag,
    /** One connector only, by its id. */
    connector: count(0, Number.MAX_SAFE_INTEGER).exactOptional(),
  }),
  startSetup: z.strictObject({
    /** Of the tunnel. */
    name: z.string().min(1).max(100).exactOptional(),
    /** Seconds until the login is given up; 600 by default. */
    timeout: z.number().min(1).max(86_400).exactOptional(),
    /** The content of an origin certificate brought by hand: no login then. */
    cert: z.string().min(1).max(65_536).exactOptional(),
    /** Join an existing tunnel that has connectors of somebody else. */
    join: z.boolean().exactOptional(),
    /** Replace DNS records of the stored rules that are not ours. */
    takeover: z.boolean().exactOptional(),
    /** The zone's name, used only where the certificate may not read its zone. */
    domain: z.string().min(1).max(253).exactOptional(),
  }),
  cancelSetup: z.strictObject({}),
  importTunnel: z.strictObject({
    /** By id; by its name alone only with a certificate to ask with. */
    tunnel: z.strictObject({ id: z.uuid().exactOptional(), name: z.string().min(1).max(100).exactOptional() }).refine(({ id, name }) => id !== undefined || name !== undefined, 'must have an id or a name'),
    /** The content of `<tunnel id>.json`; fetched with the certificate where it is not given. */
    credentials: z.string().min(1).max(65_536).exactOptional(),
    /** The content of an origin certificate of its account; without one its DNS records are not managed. */
    cert: z.string().min(1).max(65_536).exactOptional(),
    domain: z.string().min(1).max(253).exactOptional(),
    /** Used only where nobody says for sure which domain it is. */
    likelyDomain: z.string().min(1).max(253).exactOptional(),
    rules: z.array(forwardingRule).max(20_000),
    /** Of this machine, that run it now: by the id that each has, and how many more whose id is not known. */
    connectors: z.strictObject({ ids: z.array(z.string().max(100)).max(1_000), others: z.number().int().min(0).max(1_000) }).exactOptional(),
    takeover: z.boolean().exactOptional(),
  }),
  readForwarding: z.strictObject({}),
  replaceForwarding: z.strictObject({ rules: z.array(forwardingRule).max(20_000), ...changeFields }),
  addRule: z.strictObject({
    ...ruleFields,
    ...changeFields,
    /** False refuses to change a rule of the same name and path (RULE_EXISTS); by default it is led elsewhere. */
    replace: z.boolean().exactOptional(),
  }),
  removeRule: z.strictObject({ hostname: z.string(), path: z.string().exactOptional(), dryRun: flag }),
  exposePorts: z.strictObject({ id: z.string(), ports: z.array(exposedPort).nullable(), ...changeFields }),
  reconcile: z.strictObject({
    /** One device; else all. */
    device: z.string().min(1).exactOptional(),
  }),
  /** Portacode's own message: what is in it beyond what we know is ignored there, so it is free here. */
  portacode: z.looseObject({ cmd: z.string() }),
  listRevisions: z.strictObject({}),
  rollback: z.strictObject({
    /** The one before the current by default. */
    revision: z.number().int().min(1).exactOptional(),
    ...changeFields,
  }),
  disconnect: z.strictObject({ dryRun: z.boolean().exactOptional() }),
  upgrade: z.strictObject({
    /** Of cloudflared; the newest by default. */
    version: z.string().max(40).exactOptional(),
    /** Where releases are, in place of the daemon's own option. */
    mirror: z.url({ protocol: /^https?$/ }).exactOptional(),
    dryRun: z.boolean().exactOptional(),
  }),
  stopDaemon: z.strictObject({
    /** Leave the connectors running for the next daemon to take over. */
    handover: z.boolean().exactOptional(),
  }),
  metrics: z.strictObject({}),
} as const satisfies Record<CallName, z.ZodType>;

/** What a caller gives. */
export type RequestOf<C extends CallName> = z.input<(typeof REQUESTS)[C]>;
/** What the server gets. */
export type ParsedRequest<C extends CallName> = z.output<(typeof REQUESTS)[C]>;
