import type { ApiToken } from '../world/api-tokens.js';
import { refusal, unknownRoute } from '../world/refusals.js';
import type { World } from '../world/world.js';
import { matchPath, type ApiRoute } from './route.js';
import { DNS_ROUTE_ROUTES } from './dns-route-routes.js';
import { RECORD_ROUTES } from './record-routes.js';
import { TUNNEL_ROUTES } from './tunnel-routes.js';
import { ZONE_ROUTES } from './zone-routes.js';

const ROUTES: readonly ApiRoute[] = [...ZONE_ROUTES, ...TUNNEL_ROUTES, ...DNS_ROUTE_ROUTES, ...RECORD_ROUTES];

/** The token of the `Authorization` header; throws the refusal that Cloudflare gives without a good one. */
export function authenticate(world: World, header: string | undefined): ApiToken {
  if (header === undefined) throw refusal('TOKEN_MISSING');
  const value = /^Bearer ([\w-]+)$/u.exec(header)?.[1];
  if (value === undefined) throw refusal('TOKEN_MALFORMED');
  const token = world.tokens.get(value);
  if (token === undefined) throw refusal('TOKEN_UNKNOWN');
  return token;
}

export interface FoundRoute {
  readonly route: ApiRoute;
  readonly params: ReadonlyMap<string, string>;
}

/** Throws the refusal of a path that is none, or of a method that the path does not have. */
export function findRoute(method: string, path: string): FoundRoute {
  const fitting = ROUTES.flatMap((route) => {
    const params = matchPath(route.path, path);
    return params === undefined ? [] : { route, params };
  });
  if (fitting.length === 0) throw unknownRoute(`/client/v4/${path}`);
  const found = fitting.find(({ route }) => route.method === method);
  if (found === undefined) throw refusal('METHOD_UNKNOWN');
  return found;
}

/** What the switches forbid, and other people's accounts. */
export function authorise(world: World, token: ApiToken, { route, params }: FoundRoute): void {
  if (!world.tokens.rights()[route.right]) throw refusal(route.right === 'zoneRead' ? 'ZONE_FORBIDDEN' : 'RIGHT_MISSING');
  const account = params.get('account');
  if (account !== undefined && account !== token.accountId) throw refusal('RIGHT_MISSING');
}
