import type { LoggedRequest, RequestFilter } from './api/request-log.js';
import type { RateLimitSetting } from './api/rate-limit.js';
import type {
  AuthoriseRequest, Condition, DialModeRequest, DropRequest, FaultRequest, RecordRequest, RightsRequest,
} from './control/schemas.js';
import type { ConnectionView, LoginView, RecordView, TunnelView } from './control/views.js';
import type { HostTarget } from './edge/ports.js';
import type { TokenRights } from './world/api-tokens.js';

export interface ZoneView {
  readonly id: string;
  readonly name: string;
  readonly accountId: string;
  readonly accountName: string;
}

export interface IssuedOriginCert {
  /** The file as a login would have given it. */
  readonly certificate: string;
  readonly zoneId: string;
  readonly accountId: string;
  readonly apiToken: string;
}

export interface CreatedTunnel extends TunnelView {
  readonly token: string;
  /** The content of a credentials file. */
  readonly credentials: { readonly AccountTag: string; readonly TunnelSecret: string; readonly TunnelID: string; readonly Endpoint: string };
}

/** A fault as the control API lists it. */
export type ListedFault = Omit<FaultRequest, 'on'> & { readonly id: string; readonly hits: number };

/** Looks into a sandbox in another process and steers it: see control/routes.ts for what each call does. */
export interface SandboxControl {
  zones(): Promise<readonly ZoneView[]>;
  logins(): Promise<readonly LoginView[]>;
  /** As the person at the page does; the oldest login that waits, and the first zone, unless given. */
  authorise(request?: AuthoriseRequest): Promise<LoginView>;
  /** Resolves with the oldest login that waits, as soon as there is one. */
  waitForLogin(timeoutMs: number): Promise<LoginView>;
  issueCertificate(zone?: string): Promise<IssuedOriginCert>;
  rights(): Promise<TokenRights>;
  setRights(rights: RightsRequest): Promise<TokenRights>;
  revokeTokens(): Promise<void>;
  /** Resolves with the fault's id. */
  addFault(fault: FaultRequest): Promise<string>;
  faults(): Promise<Readonly<Record<FaultRequest['on'], readonly ListedFault[]>>>;
  removeFault(id: string): Promise<void>;
  clearFaults(): Promise<void>;
  /** Null switches it off. */
  setRateLimit(setting: RateLimitSetting | null): Promise<void>;
  setDialMode(mode: DialModeRequest['mode']): Promise<void>;
  /** Cuts connections; resolves with how many. */
  drop(request?: DropRequest): Promise<number>;
  connections(): Promise<readonly ConnectionView[]>;
  records(filter?: { readonly zone?: string; readonly name?: string; readonly type?: string }): Promise<readonly RecordView[]>;
  /** Creates the record, or replaces those of that name and type. */
  putRecord(record: RecordRequest): Promise<RecordView>;
  deleteRecord(id: string): Promise<void>;
  tunnels(): Promise<readonly TunnelView[]>;
  createTunnel(name: string, zone?: string): Promise<CreatedTunnel>;
  deleteTunnel(id: string): Promise<void>;
  lookUp(hostname: string): Promise<HostTarget>;
  requests(filter?: RequestFilter): Promise<readonly LoggedRequest[]>;
  clearRequests(): Promise<void>;
  /** Resolves as soon as the condition holds; rejects when it does not in time. */
  waitUntil(condition: Condition, timeoutMs: number): Promise<void>;
}

/** One call waits at most so long (the server's limit); longer deadlines take several. */
const WAIT_SLICE_MS = 25_000;

/** `controlUrl` is what the sandbox said when it was ready: `http://127.0.0.1:PORT/control`. */
export function connectSandbox(controlUrl: string): SandboxControl {
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${controlUrl}/${path}`, {
      method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`The sandbox refused ${method} ${path}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  };
  const waitUntil = async (condition: Condition, timeoutMs: number): Promise<void> => {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const leftMs = Math.max(0, Math.ceil(deadline - performance.now()));
      const { met } = await call<{ met: boolean }>('POST', 'wait', { condition, timeoutMs: Math.min(leftMs, WAIT_SLICE_MS) });
      if (met) return;
      if (performance.now() >= deadline) throw new Error(`The sandbox did not come to ${JSON.stringify(condition)} within ${timeoutMs} ms.`);
    }
  };

  return {
    zones: () => call('GET', 'zones'),
    logins: () => call('GET', 'logins'),
    authorise: (request = {}) => call('POST', 'logins/authorise', request),
    waitForLogin: async (timeoutMs) => {
      await waitUntil({ kind: 'login', state: 'waiting' }, timeoutMs);
      const login = (await call<readonly LoginView[]>('GET', 'logins')).find(({ state }) => state === 'waiting');
      if (login === undefined) throw new Error('The login that waited is over.');
      return login;
    },
    issueCertificate: (zone) => call('POST', 'certificates', { zone }),
    rights: () => call('GET', 'rights'),
    setRights: (rights) => call('PATCH', 'rights', rights),
    revokeTokens: () => call('DELETE', 'tokens'),
    addFault: async (fault) => (await call<{ id: string }>('POST', 'faults', fault)).id,
    faults: () => call('GET', 'faults'),
    removeFault: (id) => call('DELETE', `faults/${id}`),
    clearFaults: () => call('DELETE', 'faults'),
    setRateLimit: (setting) => call('PUT', 'rate-limit', setting),
    setDialMode: (mode) => call('PUT', 'edge/dial-mode', { mode }),
    drop: async (request = {}) => (await call<{ dropped: number }>('POST', 'edge/drop', request)).dropped,
    connections: () => call('GET', 'edge/connections'),
    records: (filter = {}) => call('GET', `records${toQuery(filter)}`),
    putRecord: (record) => call('PUT', 'records', record),
    deleteRecord: async (id) => {
      await call('DELETE', `records/${id}`);
    },
    tunnels: () => call('GET', 'tunnels'),
    createTunnel: (name, zone) => call('POST', 'tunnels', { name, zone }),
    deleteTunnel: async (id) => {
      await call('DELETE', `tunnels/${id}`);
    },
    lookUp: (hostname) => call('GET', `lookup${toQuery({ hostname })}`),
    requests: (filter = {}) => call('GET', `requests${toQuery({ ...filter })}`),
    clearRequests: () => call('DELETE', 'requests'),
    waitUntil,
  };
}

function toQuery(values: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) query.set(name, value);
  }
  return query.size === 0 ? '' : `?${query.toString()}`;
}
