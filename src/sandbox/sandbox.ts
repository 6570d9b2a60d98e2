import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ApiFaultRule } from './api/faults.js';
import { createApiListener } from './api/listener.js';
import { RateLimit, type RateLimitSetting } from './api/rate-limit.js';
import { RequestLog } from './api/request-log.js';
import { createCertificateAuthority } from './certificates.js';
import { createControlListener } from './control/listener.js';
import type { ControlTarget, SandboxFaults } from './control/target.js';
import { createConnectionsPort, reportConnections } from './edge-connections.js';
import { createAuthorize, type EdgeFaultRule } from './edge-faults.js';
import { startEdge } from './edge/edge.js';
import { startVisitorFront } from './edge/visitor-front.js';
import { cloudflaredEnvironment, supervisorEnvironment } from './environment.js';
import { FaultScript } from './fault-script.js';
import { startFrontDesk } from './front-desk.js';
import { createCertificateStore } from './login/certificate-store.js';
import type { LoginFaultRule } from './login/faults.js';
import { CERTIFICATE_STORE_HOST, LOGIN_PAGE_HOST } from './login/login-url.js';
import { Logins } from './login/logins.js';
import { createLoginPage } from './login/page.js';
import { startProxy } from './login/proxy.js';
import { answerUpdateCheck, UPDATE_HOST } from './login/update-service.js';
import { makeScratchDirectory } from './scratch-directory.js';
import type { TokenRights } from './world/api-tokens.js';
import { lookUpHost } from './world/host-lookup.js';
import { createWorld } from './world/world.js';
import type { AccountSetup } from './world/zones.js';

export interface SandboxOptions {
  /** One account with the zone `example.com` unless given. */
  readonly accounts?: readonly AccountSetup[];
  /** What tokens may do at first; everything unless given. */
  readonly rights?: TokenRights;
  readonly rateLimit?: RateLimitSetting;
  /** See LoginsOptions; 25 s unless given. */
  readonly pollHoldMs?: number;
  /** Ports on loopback; any free one unless given. `port` is the API's, the control API's and the pages'. */
  readonly port?: number;
  readonly visitorsPort?: number;
  /**
   * The real cloudflared, by its path; null where it is on PATH, and nothing is to be said of it. A stand-in is put in place
   * unless given.
   */
  readonly cloudflared?: string | null;
  /** Wall clock, ms. */
  readonly now?: () => number;
}

/** A running sandbox: a Cloudflare on loopback, in memory, steered by what it has of ControlTarget. */
export interface Sandbox extends ControlTarget {
  /** With `/client/v4`. */
  readonly apiUrl: string;
  /** Visitors ask here, with the name they want in the Host header. */
  readonly visitorsUrl: string;
  /** Where a person authorises a login whose browser does not go through the proxy. */
  readonly loginPageUrl: string;
  readonly controlUrl: string;
  readonly proxyUrl: string;
  /** PEM of the authority that signed what the edge and the proxy show. Gone after `close`. */
  readonly caFile: string;
  /** The stand-in, or the real cloudflared that was named. */
  readonly cloudflared: string | undefined;
  /** Points the supervisor at this sandbox. */
  environment(): Record<string, string>;
  /** Points a cloudflared run by hand at it. */
  cloudflaredEnvironment(): Record<string, string>;
  /** Cuts everything, stops listening, removes the files. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const API_HOST = 'api.cloudflare.com';
/** The name by which cloudflared knows the edge. */
const EDGE_NAME = 'h2.cftunnel.com';
const LOCATION = 'LAX';
const DEFAULT_ACCOUNTS: readonly AccountSetup[] = [{ name: 'Sandbox', zones: ['example.com'] }];
const DEFAULT_POLL_HOLD_MS = 25_000;

/** Starts every part of a sandbox. Where one cannot start, those that did are closed again. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    // What was started last is closed first; one that fails does not keep the others open.
    const outcomes: PromiseSettledResult<unknown>[] = [];
    for (const step of closers.splice(0).reverse()) outcomes.push(...await Promise.allSettled([step()]));
    const failure = outcomes.find(({ status }) => status === 'rejected');
    if (failure?.status === 'rejected') throw failure.reason;
  };
  try {
    return await startParts(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(options: SandboxOptions, closers: (() => Promise<unknown>)[], close: () => Promise<void>): Promise<Sandbox> {
  const now = options.now ?? Date.now;
  const world = createWorld({ accounts: options.accounts ?? DEFAULT_ACCOUNTS, ...(options.rights === undefined ? {} : { rights: options.rights }), now });
  const faults: SandboxFaults = {
    api: new FaultScript<ApiFaultRule>('api'), login: new FaultScript<LoginFaultRule>('login'), edge: new FaultScript<EdgeFaultRule>('edge'),
  };
  const requests = new RequestLog();
  const rateLimit = new RateLimit(now, options.rateLimit);
  const logins = new Logins({ world, faults: faults.login, now, pollHoldMs: options.pollHoldMs ?? DEFAULT_POLL_HOLD_MS });
  const authority = await createCertificateAuthority();

  const directory = await makeScratchDirectory(tmpdir());
  closers.push(() => rm(directory, { recursive: true, force: true }));
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority.pem);
  const cloudflared = options.cloudflared === undefined ? await putStandIn(directory) : options.cloudflared ?? undefined;

  const edge = await startEdge({ ...await authority.issue({ names: [EDGE_NAME] }), authorize: createAuthorize(world.tunnels, faults.edge), host: HOST, location: LOCATION });
  closers.push(() => edge.close());
  const stopReporting = reportConnections(edge, world);
  closers.push(async () => stopReporting());
  const connections = createConnectionsPort(edge, LOCATION);
  const visitors = await startVisitorFront({ edge, lookUpHost: (hostname) => lookUpHost(world.records, hostname), host: HOST, port: options.visitorsPort ?? 0 });
  closers.push(() => visitors.close());

  const target: ControlTarget = { world, logins, faults, requests, rateLimit, edge, connections };
  const api = createApiListener({ world, connections, faults: faults.api, rateLimit, requests, now });
  const loginPage = createLoginPage(logins, world.zones);
  const hosts = new Map([
    [API_HOST, api], [LOGIN_PAGE_HOST, loginPage], [CERTIFICATE_STORE_HOST, createCertificateStore(logins)], [UPDATE_HOST, answerUpdateCheck],
  ]);
  const proxy = await startProxy({ certificate: await authority.issue({ names: [...hosts.keys()] }), hosts, host: HOST, port: 0 });
  closers.push(() => proxy.close());
  const desk = await startFrontDesk({ api, control: createControlListener(target), loginPage, host: HOST, port: options.port ?? 0 });
  closers.push(() => desk.close());

  const places = { apiUrl: `http://${desk.address}/client/v4`, proxyUrl: `http://${proxy.address}`, edgeAddresses: edge.addresses, caFile, cloudflared };
  return {
    ...target,
    apiUrl: places.apiUrl,
    visitorsUrl: visitors.url,
    loginPageUrl: `http://${desk.address}/`,
    controlUrl: `http://${desk.address}/control`,
    proxyUrl: places.proxyUrl,
    caFile,
    cloudflared,
    environment: () => supervisorEnvironment(places),
    cloudflaredEnvironment: () => cloudflaredEnvironment(places),
    close,
  };
}

/** Loaded only where it is wanted: with a real cloudflared nobody needs it. */
async function putStandIn(directory: string): Promise<string> {
  const { writeStandIn } = await import('./stand-in/install.js');
  return writeStandIn(directory);
}
