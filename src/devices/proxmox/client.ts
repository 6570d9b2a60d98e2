import type { Dispatcher } from 'undici';
import { z } from 'zod';
import type { Clock } from '../../core/clock.js';
import type { Environment } from '../../host/child-environment.js';
import { vmidSchema } from '../local-records.js';
import type { ProxmoxAccess } from './access.js';
import { createProxmoxDispatcher } from './dispatcher.js';
import { configSchema, parseConfig, type ContainerConfig } from './parse-config.js';
import { interfacesSchema, parseInterfaces } from './parse-interfaces.js';
import { createSender } from './send.js';

const listSchema = z.array(z.looseObject({ vmid: vmidSchema }));

/** The calls of Proxmox's API that we need, of one node. All reject with ProxmoxError. */
export interface ProxmoxClient {
  readonly node: string;
  /** Numbers of all containers that the token may see. */
  listContainers(signal: AbortSignal): Promise<readonly number[]>;
  readConfig(vmid: number, signal: AbortSignal): Promise<ContainerConfig>;
  /** Addresses of a running container, as it says itself. */
  readAddresses(vmid: number, signal: AbortSignal): Promise<ReadonlySet<string>>;
  close(): Promise<void>;
}

/** Connects when it is asked first. */
export function createProxmoxClient(access: ProxmoxAccess, env: Environment, clock: Clock): ProxmoxClient {
  let dispatcher: Promise<Dispatcher> | undefined;
  const connect = (): Promise<Dispatcher> => {
    dispatcher ??= createProxmoxDispatcher(access, env).catch((error: unknown) => {
      dispatcher = undefined; // A CA file that is missing now may be there the next time.
      throw error;
    });
    return dispatcher;
  };
  const sender = createSender(access, connect, clock);
  const containers = `/nodes/${encodeURIComponent(access.node)}/lxc`;
  return {
    node: access.node,
    listContainers: async (signal) => (await sender.get(containers, listSchema, signal)).map(({ vmid }) => vmid),
    readConfig: async (vmid, signal) => parseConfig(await sender.get(`${containers}/${vmid}/config`, configSchema, signal)),
    readAddresses: async (vmid, signal) => parseInterfaces(await sender.get(`${containers}/${vmid}/interfaces`, interfacesSchema, signal)),
    close: async () => {
      const opened = await dispatcher?.catch(() => undefined);
      await opened?.destroy();
    },
  };
}
