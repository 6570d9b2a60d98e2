import { Agent, get } from 'node:http';
import { SupervisorError } from '../core/errors.js';
import type { Counters, Probe, Prober } from '../connector/ports.js';
import type { IngressRule } from '../forwarding/ports.js';
import { parseCounters } from './metrics-text.js';
import { isObject } from '../core/json.js';

/** A connector's own word, from its metrics port. node:http and not undici: asked every few seconds for ever. */

const PROBE_TIMEOUT_MS = 1_000;
const METRICS_TIMEOUT_MS = 2_000;
/** 10,000 rules are 6 MB. */
const CONFIG_TIMEOUT_MS = 15_000;

const SMALL_BYTES = 64 * 1024;
const METRICS_BYTES = 4 * 1024 * 1024;
const CONFIG_BYTES = 128 * 1024 * 1024;

export function createProber(): Prober {
  const agent = new Agent({ keepAlive: true, maxSockets: 2, maxFreeSockets: 1 });
  const ask = async (port: number, path: string, timeoutMs: number, maxBytes: number): Promise<Answer> => await fetchText(agent, port, path, timeoutMs, maxBytes);
  return {
    probe: async (port) => {
      try {
        return parseProbe(await ask(port, '/ready', PROBE_TIMEOUT_MS, SMALL_BYTES));
      } catch {
        return { kind: 'unreachable' }; // Not listening yet, not any more, or hanging: the process tells which.
      }
    },
    readConnectorId: async (port) => {
      try {
        return stringField(JSON.parse((await ask(port, '/ready', PROBE_TIMEOUT_MS, SMALL_BYTES)).body), 'connectorId');
      } catch {
        return undefined; // As above: it cannot say.
      }
    },
    readCounters: async (port): Promise<Counters | undefined> => {
      try {
        const { status, body } = await ask(port, '/metrics', METRICS_TIMEOUT_MS, METRICS_BYTES);
        return status === 200 ? parseCounters(body) : undefined;
      } catch {
        return undefined; // As above.
      }
    },
    readRules: async (port) => parseRules(await ask(port, '/config', CONFIG_TIMEOUT_MS, CONFIG_BYTES)),
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function fetchText(agent: Agent, port: number, path: string, timeoutMs: number, maxBytes: number): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const request = get({ agent, host: '127.0.0.1', port, path, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) request.destroy(new Error(`${path} is larger than ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
    });
    request.on('error', reject);
  });
}

function parseProbe({ status, body }: Answer): Probe {
  if (status !== 200 && status !== 503) return { kind: 'unreachable' };
  if (status === 503) return { kind: 'not-ready' };
  const connections = field(JSON.parse(body), 'readyConnections');
  return { kind: 'ready', connections: typeof connections === 'number' ? connections : 1 };
}

/** @throws SupervisorError CONNECTOR_MISMATCH where it shows no configuration. */
function parseRules({ status, body }: Answer): readonly IngressRule[] {
  const unreadable = (reason: string): SupervisorError => new SupervisorError('CONNECTOR_MISMATCH', `The connector does not show its rules: ${reason}.`);
  if (status !== 200) throw unreadable(`/config answered ${status}`);
  const ingress = field(field(JSON.parse(body), 'config'), 'ingress');
  if (!Array.isArray(ingress)) throw unreadable('/config holds no ingress rules');
  return ingress.map((rule: unknown): IngressRule => {
    const service = stringField(rule, 'service');
    if (service === undefined) throw unreadable('a rule has no service');
    const hostname = stringField(rule, 'hostname');
    const path = stringField(rule, 'path');
    const originRequest = field(rule, 'originRequest');
    return {
      service,
      ...(hostname === undefined || hostname === '' ? {} : { hostname }),
      ...(path === undefined || path === '' ? {} : { path }),
      ...(isObject(originRequest) ? { originRequest } : {}),
    };
  });
}

const field = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined);

function stringField(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  return typeof found === 'string' ? found : undefined;
}
