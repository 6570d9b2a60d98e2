import { get } from 'node:http';
import type { LiveConnector } from '../findings.js';

/** Asks running connectors for what they serve, on the metrics addresses that they have. */

/** Where cloudflared listens when it is told nothing; a sixth one takes any port. */
const DEFAULT_PORTS: readonly number[] = [20_241, 20_242, 20_243, 20_244, 20_245];
const ANSWER_TIMEOUT_MS = 1_000;
const LONGEST_ANSWER_BYTES = 8 * 1024 * 1024;

export interface MetricsTarget {
  /** As it was given: `127.0.0.1:2000`, `:2000`, `0.0.0.0:2000`; undefined where nobody said. */
  readonly metrics: string | undefined;
  readonly inContainer: boolean;
}

/** The port to ask; the address is always this machine's own. Port 0 is any, and told to nobody. */
export function portsOf({ metrics, inContainer }: MetricsTarget, isOnly: boolean, defaultPorts: readonly number[] = DEFAULT_PORTS): readonly number[] {
  if (inContainer) return [];
  const port = Number(/:(\d{1,5})$/.exec(metrics ?? '')?.[1] ?? 0);
  if (port > 0) return [port];
  // With several of them nobody could say whose port it is.
  return metrics === undefined && isOnly ? defaultPorts : [];
}

/** Undefined where nobody answers like a connector. */
export async function askConnector(ports: readonly number[]): Promise<LiveConnector | undefined> {
  for (const port of ports) {
    const config = await askJson(port, '/config');
    const ready = await askJson(port, '/ready');
    if (config === undefined && ready === undefined) continue;
    const { version, config: shown } = config ?? {};
    const connectorId = ready?.['connectorId'];
    return {
      connectorId: typeof connectorId === 'string' ? connectorId.toLowerCase() : undefined,
      configVersion: typeof version === 'number' ? version : undefined,
      ingress: typeof shown === 'object' && shown !== null && 'ingress' in shown ? shown.ingress : undefined,
    };
  }
  return undefined;
}

/** An object, whatever the status: `/ready` says 503 and who it is. Never rejects. */
async function askJson(port: number, path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const body = await new Promise<string | undefined>((resolve) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.length > LONGEST_ANSWER_BYTES) request.destroy();
      });
      response.on('end', () => resolve(text)).on('error', () => resolve(undefined));
    });
    request.on('error', () => resolve(undefined));
  });
  try {
    const value: unknown = JSON.parse(body ?? '');
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined; // Somebody else's port.
  }
}
