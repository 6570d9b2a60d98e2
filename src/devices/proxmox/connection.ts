import type { Clock } from '../../core/clock.js';
import { SupervisorError } from '../../core/errors.js';
import type { Emit } from '../../core/events.js';
import type { Environment } from '../../host/child-environment.js';
import type { Redactor } from '../../host/redact.js';
import type { ProxmoxAccess, TrustOptions } from './access.js';
import type { createProxmoxClient as CreateClient, ProxmoxClient } from './client.js';

/** Proxmox, as `proxmox_infra.json` says at any time how to reach it. */
export interface ProxmoxConnection {
  /** @throws SupervisorError PROXMOX_NOT_CONFIGURED */
  client(): Promise<ProxmoxClient>;
  close(): Promise<void>;
}

export interface ConnectionParts {
  /** Of `proxmox_infra.json`. */
  readonly path: string;
  readonly trust: TrustOptions;
  readonly env: Environment;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly redactor: Redactor;
}

/**
 * The file is read again each time, since Portacode writes it; the connections stay while it says the same. What reads it
 * and what asks Proxmox is loaded when a device is looked for: most machines have none.
 */
export function createProxmoxConnection({ path, trust, env, clock, emit, redactor }: ConnectionParts): ProxmoxConnection {
  let open: { readonly key: string; readonly client: ProxmoxClient } | undefined;
  let warned = false;

  const connect = (access: ProxmoxAccess, createProxmoxClient: typeof CreateClient): ProxmoxClient => {
    redactor.learn(access.token);
    if (access.trust.kind === 'none' && !warned) {
      warned = true;
      emit('daemon.warned', {
        code: 'PROXMOX_UNVERIFIED',
        message: `The certificate of Proxmox at ${access.origin} is not verified (verify_ssl is false). Name its CA with --proxmox-ca, or its fingerprint with --proxmox-fingerprint.`,
      });
    }
    return createProxmoxClient(access, env, clock);
  };

  return {
    client: async () => {
      const [{ readProxmoxAccess }, { createProxmoxClient }] = await Promise.all([import('./access.js'), import('./client.js')]);
      const reading = await readProxmoxAccess(path, trust);
      // While somebody writes the file, what it said before is as good as anything.
      if (reading.kind === 'unusable' && open !== undefined) return open.client;
      if (reading.kind !== 'configured') {
        throw new SupervisorError('PROXMOX_NOT_CONFIGURED', reading.kind === 'absent' ? 'Proxmox infrastructure is not configured.' : `Proxmox infrastructure is not configured: ${reading.reason}.`);
      }
      const { access } = reading;
      const key = JSON.stringify([access.origin, access.node, access.authorization.reveal(), access.trust]);
      if (open?.key !== key) {
        const before = open;
        open = { key, client: connect(access, createProxmoxClient) };
        await before?.client.close();
      }
      return open.client;
    },
    close: async () => {
      await open?.client.close();
      open = undefined;
    },
  };
}
