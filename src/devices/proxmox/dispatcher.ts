import type { TLSSocket } from 'node:tls';
import type { Dispatcher } from 'undici';
import { SupervisorError } from '../../core/errors.js';
import type { Environment } from '../../host/child-environment.js';
import { createDispatcher } from '../../host/http.js';
import { proxyChooser } from '../../host/proxy.js';
import { loadUndici } from '../../host/undici.js';
import { ProxmoxError } from './proxmox-error.js';
import type { ProxmoxAccess } from './access.js';

const CONNECT_TIMEOUT_MS = 4_000;

/**
 * What requests to Proxmox go through. undici is loaded here and not before: a machine without devices never needs it.
 * @throws SupervisorError OPTION_INVALID
 */
export async function createProxmoxDispatcher({ origin, trust }: Pick<ProxmoxAccess, 'origin' | 'trust'>, env: Environment): Promise<Dispatcher> {
  if (trust.kind === 'fingerprint') return createPinnedDispatcher(origin, trust.sha256, env);
  if (trust.kind === 'none') return createDispatcher({ env, connectTimeoutMs: CONNECT_TIMEOUT_MS, tls: { rejectUnauthorized: false } });
  return createDispatcher({ env, connectTimeoutMs: CONNECT_TIMEOUT_MS, ...(trust.caFile === undefined ? {} : { caFiles: [trust.caFile] }) });
}

/** Who signed the certificate does not matter then, nor which names are in it. */
async function createPinnedDispatcher(origin: string, sha256: string, env: Environment): Promise<Dispatcher> {
  if (proxyChooser(env)(new URL(origin)) !== undefined) {
    throw new SupervisorError('OPTION_INVALID', `The fingerprint of ${origin} cannot be checked through a proxy`, { hint: 'Put the host into NO_PROXY, or name its CA with --proxmox-ca.' });
  }
  const { Agent, buildConnector } = await loadUndici();
  // No session is kept: each connection shows its certificate.
  const connect = buildConnector({ rejectUnauthorized: false, maxCachedSessions: 0, timeout: CONNECT_TIMEOUT_MS });
  return new Agent({
    connect: (options, done) => {
      connect(options, (...[error, socket]) => {
        if (error !== null) {
          done(error, null);
          return;
        }
        const shown = (socket as TLSSocket).getPeerCertificate().fingerprint256?.toLowerCase().replaceAll(':', '');
        if (shown === sha256) {
          done(null, socket);
          return;
        }
        socket.destroy();
        done(new ProxmoxError('PROXMOX_UNREACHABLE', `The certificate of ${origin} has another fingerprint than was given (${shown ?? 'none'})`, { status: undefined, concernsAll: true }), null);
      });
    },
  });
}
