import { z } from 'zod';

/** What we read of Cloudflare's answers; everything else in them is ignored. Loaded with the first request. */

const nullable = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

const list = <T extends z.ZodType>(schema: T) => z.array(schema).nullish().transform((items) => items ?? []);

const errorSchema = z.object({ code: z.coerce.number().catch(0), message: z.string().catch('') });

export const envelopeSchema = z.object({
  success: z.boolean(),
  /** The chain holds what is wrong in particular. */
  errors: list(errorSchema.extend({ error_chain: list(errorSchema) })),
  result: z.unknown(),
  result_info: nullable(
    z.object({
      page: nullable(z.number()),
      per_page: nullable(z.number()),
      count: nullable(z.number()),
      total_count: nullable(z.number()),
      total_pages: nullable(z.number()),
    }),
  ),
});

/** The answer to a DELETE as Cloudflare's own reference shows it: no envelope, only what is gone. */
export const deletedSchema = z.object({ success: z.undefined().optional(), result: z.object({ id: z.string().min(1) }) });

export const zoneSchema = z.object({ id: z.string().min(1), name: z.string().min(1).toLowerCase() });

export const tunnelSchema = z.object({
  id: z.uuid().toLowerCase(),
  name: z.string(),
  deleted_at: nullable(z.string()),
  /** Where its rules are kept: `cloudflare` or `local`. Older answers have only the flag. */
  config_src: nullable(z.string()),
  remote_config: nullable(z.boolean()),
});

/** One connector and its connections. */
export const connectorSchema = z.object({
  id: z.string().toLowerCase(),
  version: nullable(z.string()),
  conns: list(z.object({ origin_ip: nullable(z.string()), is_pending_reconnect: z.boolean().nullish() })),
});

export const recordSchema = z.object({
  id: z.string().min(1),
  name: z.string().transform((name) => name.toLowerCase().replace(/\.$/, '')),
  type: z.string().toUpperCase(),
  content: z.string().catch(''),
  proxied: z.boolean().catch(false),
  ttl: z.number().catch(1),
  comment: z.string().nullish().transform((comment) => comment ?? ''),
});

/** The token of `tunnel run --token`: base64 of JSON. */
export const tunnelTokenSchema = z.object({
  a: z.string().min(1),
  t: z.uuid().toLowerCase(),
  s: z.string().min(1),
  e: nullable(z.string()),
});
