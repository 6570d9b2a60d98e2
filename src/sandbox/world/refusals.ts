/**
 * What Cloudflare says when it says no: HTTP status, code and message, as the real API gives them to the real
 * cloudflared. One table, so that a test, a fault and a handler name the same thing.
 */
export interface ApiProblem {
  readonly code: number;
  readonly message: string;
  readonly error_chain?: readonly ApiProblem[];
}

interface RefusalSpec extends ApiProblem {
  readonly status: number;
}

export const REFUSALS = {
  // Who asks
  TOKEN_MISSING: { status: 400, code: 9106, message: 'Missing X-Auth-Key, X-Auth-Email or Authorization headers' },
  TOKEN_MALFORMED: {
    status: 400, code: 6003, message: 'Invalid request headers',
    error_chain: [{ code: 6111, message: 'Invalid format for Authorization header' }],
  },
  TOKEN_UNKNOWN: { status: 401, code: 1000, message: 'Invalid API Token' },
  RIGHT_MISSING: { status: 403, code: 10000, message: 'Authentication error' },
  ZONE_FORBIDDEN: { status: 403, code: 9109, message: 'Unauthorized to access requested resource' },
  THROTTLED: { status: 429, code: 971, message: 'Please wait and consider throttling your request speed' },

  // What is asked
  ROUTE_UNKNOWN: { status: 404, code: 7000, message: 'No route for that URI' },
  METHOD_UNKNOWN: { status: 405, code: 10405, message: 'Method not allowed for this authentication scheme' },
  BODY_MALFORMED: { status: 400, code: 6007, message: 'Malformed JSON in request body' },
  BODY_INVALID: { status: 400, code: 9207, message: 'Request body is invalid.' },
  BODY_TOO_LARGE: { status: 413, code: 413, message: 'Request body is too large.' },

  // Tunnels
  TUNNEL_UNKNOWN: { status: 404, code: 1003, message: 'Tunnel not found' },
  TUNNEL_NAME_MISSING: { status: 400, code: 1010, message: 'Tunnel name is required' },
  TUNNEL_NAME_TAKEN: {
    status: 409, code: 1013,
    message: 'You already have a tunnel with this name. Delete the existing tunnel, or choose a different name for your new tunnel',
  },
  TUNNEL_SECRET_INVALID: { status: 400, code: 1011, message: 'Tunnel secret must be base64 of at least 32 bytes' },
  TUNNEL_ACTIVE: { status: 400, code: 1022, message: 'Cannot delete tunnel because it has active connections' },
  ROUTE_TYPE_UNKNOWN: { status: 400, code: 1004, message: 'Route type is not supported' },
  ROUTE_CONFLICT: { status: 400, code: 1003, message: 'An A, AAAA, or CNAME record with that host already exists.' },

  // DNS records
  RECORD_UNKNOWN: { status: 404, code: 81044, message: 'Record does not exist.' },
  RECORD_HOST_TAKEN: { status: 400, code: 81053, message: 'An A, AAAA, or CNAME record with that host already exists.' },
  RECORD_CNAME_THERE: { status: 400, code: 81054, message: 'A CNAME record with that host already exists.' },
  RECORD_NS_THERE: { status: 400, code: 81056, message: 'NS records with that host already exist.' },
  RECORD_IDENTICAL: { status: 400, code: 81058, message: 'An identical record already exists.' },
} as const satisfies Record<string, RefusalSpec>;

export type RefusalName = keyof typeof REFUSALS;

/** Thrown by the world and the API's handlers; the API server turns it into an answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly problems: readonly ApiProblem[];

  constructor(status: number, problems: readonly ApiProblem[]) {
    super(problems.map(({ code, message }) => `${code}: ${message}`).join('; '));
    this.status = status;
    this.problems = problems;
  }
}

export function refusal(name: RefusalName): Refusal {
  const { status, ...problem } = REFUSALS[name];
  return new Refusal(status, [problem]);
}

/** A record that is wrong in itself: one general error, the reasons chained to it. */
export const invalidRecord = (code: number, message: string): Refusal =>
  new Refusal(400, [{ code: 1004, message: 'DNS Validation Error', error_chain: [{ code, message }] }]);

/** A path that names nothing: two errors, as Cloudflare says it. */
export const unknownRoute = (path: string): Refusal => new Refusal(REFUSALS.ROUTE_UNKNOWN.status, [
  { code: 7003, message: `Could not route to ${path}, perhaps your object identifier is invalid?` },
  { code: REFUSALS.ROUTE_UNKNOWN.code, message: REFUSALS.ROUTE_UNKNOWN.message },
]);
