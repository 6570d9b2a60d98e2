import { z } from 'zod';
import { ERRORS, type ErrorBody } from '../core/errors.js';
import type { SupervisorEvent } from '../core/events.js';
import { CONNECTOR_STATES, SETUP_STEPS, type Status } from '../core/status.js';
import type { CallName } from './calls.js';
import { forwardingRule } from './requests.js';

/**
 * What each call answers, exactly. Types of client and server come from here; the tests hold the running daemon to
 * it. The client does not parse answers with it: it speaks to its own package, and the library costs a short-lived
 * command more time than everything else it does.
 */

export const errorBody = z.strictObject({
  code: z.enum(Object.keys(ERRORS) as (keyof typeof ERRORS)[]),
  message: z.string(),
  hint: z.string(),
  problems: z.array(
    z.strictObject({ rule: z.number().int().exactOptional(), field: z.string().exactOptional(), code: z.string(), message: z.string() }),
  ),
});

const warning = z.strictObject({ code: z.string(), message: z.string(), hostname: z.string().exactOptional() });

const ruleView = z.strictObject({
  hostname: z.string(),
  path: z.string().nullable(),
  destination: z.string(),
  status: z.enum(['live', 'unresolved', 'outside-zone']),
  resolvedIp: z.string().nullable(),
  dns: z.string(),
});

const connector = z.strictObject({
  id: z.number().int(),
  pid: z.number().int().nullable(),
  state: z.enum(CONNECTOR_STATES),
  revision: z.number().int(),
  metricsUrl: z.string().nullable(),
  startedAt: z.string().nullable(),
  connections: z.number().int(),
});

const setup = z.strictObject({
  state: z.enum(['none', 'running', 'waiting', 'completed', 'failed', 'cancelled']),
  step: z.enum(SETUP_STEPS).nullable(),
  loginUrl: z.string().nullable(),
  expiresAt: z.string().nullable(),
  message: z.string().nullable(),
});

const cloudflared = z.strictObject({ path: z.string(), version: z.string() });

const status = z.strictObject({
  daemon: z.strictObject({
    pid: z.number().int(),
    version: z.string(),
    startedAt: z.string(),
    user: z.string(),
    baseDir: z.string(),
    stateDir: z.string(),
    socket: z.string(),
    cloudflared: cloudflared.nullable(),
    /** Null until something was published. */
    revision: z.number().int().nullable(),
  }),
  tunnel: z.strictObject({ id: z.string(), name: z.string(), domain: z.string(), joined: z.boolean() }).nullable(),
  connectors: z.array(connector),
  rules: z.array(ruleView),
  setup,
  attention: z.array(z.strictObject({ code: z.string(), message: z.string(), hint: z.string() })),
});

/** One step of a plan; which further fields there are depends on the kind. */
const plannedStep = z.looseObject({ kind: z.string() });

const forwardingChange = z.strictObject({
  /** `planned` answers a dry run. */
  outcome: z.enum(['applied', 'unchanged', 'planned']),
  /** Its name in events and journal; null where nothing was begun. */
  change: z.string().nullable(),
  revision: z.number().int(),
  rules: z.array(ruleView),
  warnings: z.array(warning),
  /** What a dry run would do; null otherwise. */
  plan: z.array(plannedStep).nullable(),
  /** From acceptance to the end of the change. */
  durationMs: z.number(),
});

const eventFields = { seq: z.number().int(), at: z.string() };

/** The first line of an event stream: everything as it is now. The stream goes on after its `seq`. */
const snapshotLine = z.strictObject({
  ...eventFields,
  type: z.literal('snapshot'),
  data: z.strictObject({
    status,
    /** The newest event when the snapshot was taken. */
    newestSeq: z.number().int(),
    /** Events after `since` were dropped already, or never were: the stream cannot be complete. */
    missed: z.boolean(),
  }),
});

/** At least every 15 s, so that a dead daemon is noticed. `seq` is that of the last event. */
const heartbeatLine = z.strictObject({ ...eventFields, type: z.literal('heartbeat'), data: z.strictObject({}) });

const eventLine = z.strictObject({
  ...eventFields,
  type: z.string().regex(/^[a-z]+\.[a-z-]+$/),
  data: z.record(z.string(), z.unknown()),
});

/** Of a call that answers JSON lines: one line. */
export const ANSWERS = {
  status,
  events: z.union([snapshotLine, heartbeatLine, eventLine]),
  /** One line of a connector's log, structured and with secrets redacted. */
  logs: z.strictObject({
    at: z.string().nullable(),
    connector: z.number().int(),
    level: z.string(),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()),
  }),
  startSetup: z.strictObject({
    setup,
    /** A setup with the same parameters was under way already, and this is it. */
    joined: z.boolean(),
    /** Events after this number tell how it goes on. */
    seq: z.number().int(),
  }),
  cancelSetup: z.strictObject({ cancelled: z.boolean(), setup }),
  importTunnel: z.strictObject({
    /** `unchanged`: it is run here already, with all these rules. */
    outcome: z.enum(['imported', 'unchanged']),
    tunnel: z.strictObject({ id: z.string(), name: z.string(), domain: z.string() }),
    revision: z.number().int(),
    rules: z.array(ruleView),
    /** Whether records are made and removed with the rules: that takes a certificate. */
    dns: z.enum(['managed', 'unmanaged']),
    warnings: z.array(warning),
  }),
  readForwarding: z.strictObject({
    /** Also the ETag. 0: nothing was ever published. */
    revision: z.number().int(),
    rules: z.array(forwardingRule),
    /** Rules whose name is not in the zone: kept, not published. */
    setAside: z.array(forwardingRule),
    views: z.array(ruleView),
  }),
  replaceForwarding: forwardingChange,
  addRule: forwardingChange,
  removeRule: forwardingChange,
  exposePorts: z.strictObject({
    ...forwardingChange.shape,
    /** `rules` holds this device's own only. */
    device: z.string(),
    exposedPorts: z.array(
      z.strictObject({ port: z.number().int(), protocol: z.enum(['http', 'https']), hostname: z.string(), url: z.string() }),
    ),
  }),
  reconcile: z.strictObject({
    /** Whether an address had changed, and so what is published. */
    changed: z.boolean(),
    revision: z.number().int(),
    rules: z.array(ruleView),
    warnings: z.array(warning),
  }),
  portacode: z.looseObject({ event: z.string() }),
  listRevisions: z.strictObject({
    /** Newest first. */
    revisions: z.array(
      z.strictObject({
        revision: z.number().int(),
        createdAt: z.string(),
        reason: z.string(),
        domain: z.string(),
        rules: z.number().int(),
        current: z.boolean(),
      }),
    ),
  }),
  rollback: forwardingChange,
  disconnect: z.strictObject({
    outcome: z.enum(['disconnected', 'planned', 'unchanged']),
    plan: z.array(plannedStep),
    warnings: z.array(warning),
  }),
  upgrade: z.strictObject({
    outcome: z.enum(['upgraded', 'unchanged', 'planned']),
    /** What the connector ran, or would have; null where there was none. */
    from: cloudflared.nullable(),
    to: cloudflared,
    /** `none` was there to be replaced. */
    connector: z.enum(['replaced', 'none']),
    warnings: z.array(warning),
    durationMs: z.number(),
  }),
  stopDaemon: z.strictObject({ stopping: z.literal(true), handover: z.boolean(), pid: z.number().int() }),
  metrics: z.string(),
} as const satisfies Record<CallName, z.ZodType>;

type DeepReadonly<T> = T extends (infer Item)[] ? readonly DeepReadonly<Item>[] : T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export type SnapshotLine = DeepReadonly<z.output<typeof snapshotLine>>;
export type HeartbeatLine = DeepReadonly<z.output<typeof heartbeatLine>>;
export type EventLine = SnapshotLine | HeartbeatLine | SupervisorEvent;

export type AnswerOf<C extends CallName> = C extends 'events' ? EventLine : DeepReadonly<z.output<(typeof ANSWERS)[C]>>;

/** Does not compile where these schemas and the words of core/ part ways. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
export const SCHEMAS_ARE_CORE: readonly [Same<AnswerOf<'status'>, Status>, Same<DeepReadonly<z.output<typeof errorBody>>, ErrorBody>] = [true, true];
