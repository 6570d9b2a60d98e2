import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { createCloudflareClient, type CloudflareClient } from '../../../src/cloudflare/client.js';
import { createRequestBudget } from '../../../src/cloudflare/request-budget.js';
import { Secret } from '../../../src/core/secret.js';
import { createTestClock, type TestClock } from '../../unit/cloudflare/test-clock.js';

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is; anything else as JSON. */
  readonly body: unknown;
}

/** `undefined` never answers. */
export type Script = (request: { readonly method: string; readonly url: URL; readonly headers: IncomingMessage['headers']; readonly body: string }, count: number) => ScriptedAnswer | undefined;

export interface ScriptedServer {
  readonly client: CloudflareClient;
  readonly clock: TestClock;
  /** As `METHOD path?query`. */
  readonly seen: readonly string[];
  close(): Promise<void>;
}

export const TOKEN = 'a-token-that-nobody-may-see';

export const ok = (result: unknown, info?: object): ScriptedAnswer => ({ body: { success: true, errors: [], messages: [], result, ...(info === undefined ? {} : { result_info: info }) } });
export const no = (status: number, code: number, message: string): ScriptedAnswer => ({ status, body: { success: false, errors: [{ code, message }], messages: [], result: null } });

/** A server that answers as a script says, for what no well-meaning Cloudflare does. */
export async function startScriptedServer(script: Script, passes: (ms: number) => boolean): Promise<ScriptedServer> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://localhost');
      seen.push(`${request.method ?? ''} ${url.pathname}${url.search}`);
      const answer = script({ method: request.method ?? '', url, headers: request.headers, body: Buffer.concat(chunks).toString() }, seen.length);
      if (answer === undefined) return;
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const agent = new Agent();
  const clock = createTestClock(passes);
  const client = createCloudflareClient({
    apiUrl: `http://127.0.0.1:${port}/client/v4/`,
    token: new Secret(TOKEN),
    dispatcher: async () => agent,
    clock,
    random: () => 1,
    budget: createRequestBudget(clock),
    userAgent: 'cloudflared-supervisor/test',
  });
  return {
    client, clock, seen,
    close: async () => {
      await agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
