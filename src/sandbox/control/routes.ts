/**
 * The control API: how another process looks into a sandbox and steers it. JSON over HTTP on loopback, below `/control/`.
 *
 *     GET    zones                      the zones and their accounts
 *     GET    logins                     every login that was begun, oldest first
 *     POST   logins/authorise           {login?, zone?}: as the person at the page does; 404 where none waits
 *     POST   certificates               {zone?}: an origin certificate, as a person brings one by hand
 *     GET    rights, PATCH rights       what every token may do: tunnels, zoneRead, dnsRead, dnsEdit
 *     DELETE tokens                     every token given out so far is refused from now on
 *     GET    faults, POST faults        scripted faults on `api`, `login`, `edge`; POST answers with the id
 *     DELETE faults, faults/{id}
 *     PUT    rate-limit                 {requests, windowMs} or null
 *     PUT    edge/dial-mode             {mode}: serve, refuse, reset, blackhole
 *     POST   edge/drop                  {tunnelId?, connectorId?, connectionId?, count?}: cuts connections
 *     GET    edge/connections
 *     GET    records ?zone &name &type, PUT records (creates, or replaces those of that name and type),
 *     DELETE records/{id}
 *     GET    tunnels, POST tunnels      {name, zone?}: a tunnel that somebody else made; with its credentials
 *     DELETE tunnels/{id}               with its connections, as somebody else does it in the dashboard
 *     GET    lookup ?hostname           where the visitors' front would send that name
 *     GET    requests ?method &path, DELETE requests   the API's log
 *     POST   wait                       {condition, timeoutMs}: answers {met} when the condition holds, or the time is over
 */
import { EDGE_ROUTES } from './edge-routes.js';
import { RECORD_ROUTES } from './record-routes.js';
import type { ControlRoute } from './route.js';
import { SCRIPT_ROUTES } from './script-routes.js';
import { WORLD_ROUTES } from './world-routes.js';

export const CONTROL_ROUTES: readonly ControlRoute[] = [...WORLD_ROUTES, ...RECORD_ROUTES, ...SCRIPT_ROUTES, ...EDGE_ROUTES];
