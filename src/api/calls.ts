/**
 * The calls of the control API, as data: the server's router, the client and the documentation read this one list.
 * It knows no schema library, so that a short-lived client loads in a few milliseconds.
 */

export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** `{id}` stands for one path segment. */
  readonly path: string;
  /** What the answer's body is: one JSON value, JSON lines that end by themselves, those that go on until one side closes, or text. */
  readonly answers: 'json' | 'json-lines' | 'stream' | 'text';
  /** For people. */
  readonly does: string;
}

export const CALLS = {
  status: { method: 'GET', path: '/v1/status', answers: 'json', does: 'what is published, what runs, what needs a person' },
  events: { method: 'GET', path: '/v1/events', answers: 'stream', does: 'everything as it is now, then what happens, as it happens' },
  logs: { method: 'GET', path: '/v1/logs', answers: 'stream', does: "the connectors' log" },
  startSetup: { method: 'POST', path: '/v1/setup', answers: 'json', does: 'begins to connect a domain: the login URL comes with the answer, or as an event' },
  cancelSetup: { method: 'DELETE', path: '/v1/setup', answers: 'json', does: 'cancels a setup that is under way' },
  importTunnel: { method: 'POST', path: '/v1/import', answers: 'json', does: 'takes over a tunnel that exists, by its credentials or certificate' },
  readForwarding: { method: 'GET', path: '/v1/forwarding', answers: 'json', does: 'the rules, and their revision as `ETag`' },
  replaceForwarding: { method: 'PUT', path: '/v1/forwarding', answers: 'json', does: 'replaces all rules; with `If-Match` only those of that revision' },
  addRule: { method: 'POST', path: '/v1/forwarding/rules', answers: 'json', does: 'publishes a service, or leads a published name elsewhere' },
  removeRule: { method: 'DELETE', path: '/v1/forwarding/rules', answers: 'json', does: 'withdraws a rule and its DNS record' },
  exposePorts: { method: 'PUT', path: '/v1/devices/{id}/ports', answers: 'json', does: "publishes a device's ports under names of its own; `null` withdraws all" },
  reconcile: { method: 'POST', path: '/v1/reconcile', answers: 'json', does: 'looks up the addresses of devices now' },
  portacode: { method: 'POST', path: '/v1/portacode', answers: 'json-lines', does: "one command of Portacode's in, its events out" },
  listRevisions: { method: 'GET', path: '/v1/revisions', answers: 'json', does: 'the revisions that are kept' },
  rollback: { method: 'POST', path: '/v1/rollback', answers: 'json', does: 'publishes an earlier revision again' },
  disconnect: { method: 'POST', path: '/v1/disconnect', answers: 'json', does: 'removes our DNS records, our tunnel and its files; what other machines serve with stays' },
  upgrade: { method: 'POST', path: '/v1/upgrade', answers: 'json', does: 'replaces cloudflared, without losing a request' },
  stopDaemon: { method: 'POST', path: '/v1/daemon/stop', answers: 'json', does: 'drains and ends; with `handover` it leaves its connectors to the next daemon' },
  metrics: { method: 'GET', path: '/metrics', answers: 'text', does: 'figures for Prometheus' },
} as const satisfies Record<string, Call>;

export type CallName = keyof typeof CALLS;
