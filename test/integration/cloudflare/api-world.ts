import { Agent } from 'undici';
import { createConnect, createOpenAccount, type Connect } from '../../../src/cloudflare/account.js';
import { PLAN_TIMEOUT_MS } from '../../../src/cloudflare/dns-records.js';
import { parseOriginCert } from '../../../src/cloudflare/origin-cert.js';
import { createRequestBudget, type RequestBudget } from '../../../src/cloudflare/request-budget.js';
import { ATTEMPT_TIMEOUT_MS } from '../../../src/cloudflare/send.js';
import type { CloudflareClient } from '../../../src/cloudflare/client.js';
import { Secret } from '../../../src/core/secret.js';
import type { OriginCert } from '../../../src/core/tunnel.js';
import type { CloudflareAccount, OpenAccount } from '../../../src/setup/ports.js';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../../src/sandbox/sandbox.js';
import { toOriginCert } from '../../../src/sandbox/world/api-tokens.js';
import { createTestClock, type TestClock } from '../../unit/cloudflare/test-clock.js';

/** A sandbox, and our client of it on a clock whose waits for retries take no time. */
export interface ApiWorld {
  readonly sandbox: Sandbox;
  readonly clock: TestClock;
  readonly budget: RequestBudget;
  readonly connect: Connect;
  readonly openAccount: OpenAccount;
  /** Of a fresh certificate of the zone; the first one unless given. */
  issue(zone?: string): { readonly pem: Secret; readonly certificate: OriginCert; readonly client: CloudflareClient; readonly account: CloudflareAccount };
  /** The requests since the last call, as `METHOD path`, ids replaced by `*`. */
  requests(): readonly string[];
  close(): Promise<void>;
}

export const never = new AbortController().signal;

/** Time limits stand still until a test turns the clock; retries, Retry-After and the budget do not. */
const LIMITS = new Set([ATTEMPT_TIMEOUT_MS, PLAN_TIMEOUT_MS, 60_000, 120_000, 240_000, 600_000]);
export const isWait = (ms: number): boolean => !LIMITS.has(ms);

export interface ApiWorldOptions extends SandboxOptions {
  /** Puts the stand-in for cloudflared in place; few tests run one. */
  readonly standIn?: boolean;
}

export async function startApiWorld({ standIn = false, ...options }: ApiWorldOptions = {}): Promise<ApiWorld> {
  const sandbox = await startSandbox(standIn ? options : { cloudflared: null, ...options });
  const agent = new Agent();
  const clock = createTestClock(isWait);
  const budget = createRequestBudget(clock);
  const connect = createConnect({ apiUrl: sandbox.apiUrl, dispatcher: async () => agent, clock, random: () => 0.5, budget, userAgent: 'cloudflared-supervisor/test' });
  const openAccount = createOpenAccount(connect);
  return {
    sandbox, clock, budget, connect, openAccount,
    issue: (zoneName) => {
      const zone = sandbox.world.zones.find(zoneName);
      if (zone === undefined) throw new Error('no such zone');
      const pem = new Secret(toOriginCert(sandbox.world.tokens.issue(zone)));
      const certificate = parseOriginCert(pem);
      return { pem, certificate, client: connect(certificate), account: openAccount(pem) };
    },
    requests: () => {
      const log = sandbox.requests.list().map(({ method, path }) => `${method} ${path.replaceAll(/\/[0-9a-f-]{32,36}(?=\/|$)/g, '/*')}`);
      sandbox.requests.clear();
      return log;
    },
    close: async () => {
      await agent.destroy();
      await sandbox.close();
    },
  };
}
