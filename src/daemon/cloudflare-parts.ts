import type { Dispatcher } from 'undici';
import { createConnect, createOpenAccount, type Connect } from '../cloudflare/account.js';
import { createDnsRecords, type CloudflareDnsRecords } from '../cloudflare/dns-records.js';
import { createFindCertificate } from '../cloudflare/find-certificate.js';
import { parseOriginCert } from '../cloudflare/origin-cert.js';
import { createRequestBudget } from '../cloudflare/request-budget.js';
import { createOpenZone } from '../cloudflare/zone-access.js';
import type { Binary } from '../cloudflared/find.js';
import { createRouteDns } from '../cloudflared/route-dns.js';
import type { TunnelVerdict } from '../connector/ports.js';
import { withDeadline } from '../core/deadline.js';
import type { Emit } from '../core/events.js';
import type { TunnelCredentials } from '../core/tunnel.js';
import { createDispatcher } from '../host/http.js';
import type { OpenAccount } from '../setup/ports.js';
import { readCredentials } from '../state/credentials-file.js';
import type { State } from './open-state.js';
import type { ProcessContext } from './process-context.js';
import { withUnmanagedZones } from './unmanaged-dns.js';

export interface CloudflareParts {
  readonly openAccount: OpenAccount;
  readonly dns: CloudflareDnsRecords;
  /** What Cloudflare says of a tunnel; `unknown` where it cannot be asked. Never rejects. */
  readonly inspectTunnel: (tunnelId: string) => Promise<TunnelVerdict>;
  readonly fetchCredentials: (tunnelId: string, signal: AbortSignal) => Promise<TunnelCredentials | undefined>;
  readonly close: () => Promise<void>;
}

const INSPECT_TIMEOUT_MS = 10_000;

/** Everything that speaks to Cloudflare's API. Nothing is loaded, nor connected, before the first request. */
export function createCloudflareParts(context: ProcessContext, state: State, emit: Emit, binary: () => Promise<Binary>): CloudflareParts {
  const { clock, environment, options, places, redactor } = context;
  let dispatcher: Promise<Dispatcher> | undefined;
  const budget = createRequestBudget(clock);
  const connectTo = createConnect({
    apiUrl: options.apiUrl,
    dispatcher: () => (dispatcher ??= createDispatcher({ env: environment })),
    clock,
    random: context.random,
    budget,
    userAgent: `cloudflared-supervisor/${context.version}`,
  });
  const connect: Connect = (certificate) => {
    redactor.learn(certificate.apiToken);
    return connectTo(certificate);
  };

  // Without the credentials, which say nothing of a zone.
  const installed = async () => {
    const identity = state.tunnel();
    return identity && { identity, certificate: await state.readCertificate() };
  };
  const findCertificate = createFindCertificate({ paths: places.paths, staging: state.staging, installed, retired: state.retired });

  const routeDnsWith = (certificateFile: string) =>
    createRouteDns({ binary, noConfig: places.paths.noConfigYml, originCert: certificateFile, apiUrl: options.apiUrl, env: context.childEnvironment });
  const openZone = createOpenZone({ findCertificate, connect, routeDnsWith, budget });
  const openAccount = createOpenAccount(connect);

  const fetchCredentials = async (tunnelId: string, signal: AbortSignal): Promise<TunnelCredentials | undefined> => {
    const pem = await state.readCertificate();
    if (pem === undefined) return undefined;
    const certificate = parseOriginCert(pem);
    const tunnels = connect(certificate).tunnelsOf(certificate.accountId);
    const found = await tunnels.get(tunnelId, signal);
    return found === undefined ? undefined : await tunnels.fetchCredentials(tunnelId, signal);
  };

  return {
    openAccount,
    dns: withUnmanagedZones(createDnsRecords({ ledger: state.ledger, openZone, emit, clock, random: context.random, budget }), { tunnel: state.tunnel, current: () => state.revisions.current() }),
    fetchCredentials,
    inspectTunnel: async (tunnelId) => {
      if ((await state.readCertificate()) === undefined) return 'unknown';
      try {
        const right = await withDeadline(clock, INSPECT_TIMEOUT_MS, undefined, (signal) => fetchCredentials(tunnelId, signal));
        if (right === undefined) return 'deleted';
        const ours = await readCredentials(places.paths.credentials(tunnelId));
        return ours?.tunnelSecret.reveal() === right.tunnelSecret.reveal() ? 'usable' : 'credentials-refused';
      } catch {
        return 'unknown'; // Cloudflare is away, or does not accept the certificate: that says nothing of the tunnel.
      }
    },
    close: async () => {
      const opened = await dispatcher?.catch(() => undefined);
      await opened?.destroy();
    },
  };
}
