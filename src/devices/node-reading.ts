import { mapLimited } from './limited.js';
import type { ProxmoxClient } from './proxmox/client.js';
import { ProxmoxError } from './proxmox/proxmox-error.js';
import type { ContainerConfig } from './proxmox/parse-config.js';

export type ConfigReading =
  | { readonly kind: 'read'; readonly config: ContainerConfig }
  /** Proxmox says that there is no such container. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly error: ProxmoxError };

/** All containers of a node. */
export interface NodeScan {
  readonly configs: ReadonlyMap<number, ContainerConfig>;
  /** Why one could not be read; whatever is not found may be there, then. */
  readonly problem: ProxmoxError | undefined;
}

/** One look at a node: nothing is asked twice in it, and nothing more once Proxmox as a whole is away. */
export interface NodeReading {
  readonly node: string;
  /** Never rejects. */
  readConfig(vmid: number): Promise<ConfigReading>;
  /** @throws ProxmoxError where there is not even a list */
  scan(): Promise<NodeScan>;
}

const AT_A_TIME = 8;

export function readNode(client: ProxmoxClient, signal: AbortSignal): NodeReading {
  const configs = new Map<number, Promise<ConfigReading>>();
  let scanned: Promise<NodeScan> | undefined;
  let down: ProxmoxError | undefined;

  const guard = async <T>(ask: () => Promise<T>): Promise<T> => {
    if (down !== undefined) throw down;
    try {
      return await ask();
    } catch (error) {
      if (error instanceof ProxmoxError && error.concernsAll) down = error;
      throw error;
    }
  };
  const readAnew = async (vmid: number): Promise<ConfigReading> => {
    try {
      return { kind: 'read', config: await guard(() => client.readConfig(vmid, signal)) };
    } catch (error) {
      if (!(error instanceof ProxmoxError)) throw error;
      return saysMissing(error) ? { kind: 'missing' } : { kind: 'failed', error };
    }
  };
  const readConfig = (vmid: number): Promise<ConfigReading> => {
    const known = configs.get(vmid) ?? readAnew(vmid);
    configs.set(vmid, known);
    return known;
  };
  const scanAnew = async (): Promise<NodeScan> => {
    const vmids = await guard(() => client.listContainers(signal));
    const readings = await mapLimited(vmids, AT_A_TIME, async (vmid) => ({ vmid, reading: await readConfig(vmid) }));
    return {
      // One that is missing after all was removed since the list was made.
      configs: new Map(readings.flatMap(({ vmid, reading }) => (reading.kind === 'read' ? [[vmid, reading.config]] : []))),
      problem: readings.flatMap(({ reading }) => (reading.kind === 'failed' ? [reading.error] : []))[0],
    };
  };
  return { node: client.node, readConfig, scan: () => (scanned ??= scanAnew()) };
}

/** Proxmox answers 500 for a container that is not there, with words for people: they are all there is to go by. */
const saysMissing = ({ status, message }: ProxmoxError): boolean => status === 404 || (status === 500 && /does not exist/i.test(message));
