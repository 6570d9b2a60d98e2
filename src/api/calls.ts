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
}

export const CALLS = {
  status: { method: 'GET', path: '/v1/status', answers: 'json' },
  events: { method: 'GET', path: '/v1/events', answers: 'stream' },
  logs: { method: 'GET', path: '/v1/logs', answers: 'stream' },
  startSetup: { method: 'POST', path: '/v1/setup', answers: 'json' },
  cancelSetup: { method: 'DELETE', path: '/v1/setup', answers: 'json' },
  importTunnel: { method: 'POST', path: '/v1/import', answers: 'json' },
  readForwarding: { method: 'GET', path: '/v1/forwarding', answers: 'json' },
  replaceForwarding: { method: 'PUT', path: '/v1/forwarding', answers: 'json' },
  addRule: { method: 'POST', path: '/v1/forwarding/rules', answers: 'json' },
  removeRule: { method: 'DELETE', path: '/v1/forwarding/rules', answers: 'json' },
  exposePorts: { method: 'PUT', path: '/v1/devices/{id}/ports', answers: 'json' },
  reconcile: { method: 'POST', path: '/v1/reconcile', answers: 'json' },
  portacode: { method: 'POST', path: '/v1/portacode', answers: 'json-lines' },
  listRevisions: { method: 'GET', path: '/v1/revisions', answers: 'json' },
  rollback: { method: 'POST', path: '/v1/rollback', answers: 'json' },
  disconnect: { method: 'POST', path: '/v1/disconnect', answers: 'json' },
  upgrade: { method: 'POST', path: '/v1/upgrade', answers: 'json' },
  stopDaemon: { method: 'POST', path: '/v1/daemon/stop', answers: 'json' },
  metrics: { method: 'GET', path: '/metrics', answers: 'text' },
} as const satisfies Record<string, Call>;

export type CallName = keyof typeof CALLS;
