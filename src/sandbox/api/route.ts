import type { z } from 'zod';

import type { ApiToken, TokenRights } from '../world/api-tokens.js';
import { Refusal, REFUSALS, refusal } from '../world/refusals.js';
import type { ConnectionsPort, World } from '../world/world.js';
import type { Zone } from '../world/zones.js';
import type { ResultInfo } from './envelope.js';

export interface Answer {
  readonly result: unknown;
  readonly resultInfo?: ResultInfo;
}

/** One authorised call, as a route sees it. */
export interface ApiCall {
  readonly world: World;
  readonly connections: ConnectionsPort;
  readonly token: ApiToken;
  readonly query: URLSearchParams;
  /** The part of the path that the route's pattern calls so. */
  param(name: string): string;
  /** The JSON body by its schema; throws BODY_INVALID with what is wrong. */
  body<T>(schema: z.ZodType<T>): T;
}

/** One call of the API, as data. Answers at once: nothing in memory has to be waited for, so every call is atomic. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/client/v4/`; `:name` is one segment. */
  readonly path: string;
  readonly right: keyof TokenRights;
  answer(call: ApiCall): Answer;
}

/** The parameters of a path that fits a pattern. */
export function matchPath(pattern: string, path: string): ReadonlyMap<string, string> | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const params = new Map<string, string>();
  for (const [index, segment] of wanted.entries()) {
    const value = given[index] ?? '';
    if (segment.startsWith(':') && value !== '') params.set(segment.slice(1), value);
    else if (segment !== value) return undefined;
  }
  return params;
}

export function parseBody<T>(body: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const { status, code, message } = REFUSALS.BODY_INVALID;
  const details = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new Refusal(status, [{ code, message: `${message} ${details}` }]);
}

/** The zone that the path names, where the token is for it: Cloudflare does not tell a foreign zone from none. */
export function needZone(call: ApiCall): Zone {
  const zone = call.world.zones.get(call.param('zone'));
  if (zone === undefined || zone.id !== call.token.zoneId) throw refusal('ZONE_FORBIDDEN');
  return zone;
}
