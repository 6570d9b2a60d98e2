import { SupervisorError } from '../core/errors.js';
import { away, type Container, type ContainerSearch } from './container-search.js';
import { mapLimited } from './limited.js';
import type { LocalRecords } from './local-records.js';
import type { NodeReading, NodeScan } from './node-reading.js';
import type { ContainerConfig } from './proxmox/parse-config.js';

/** Where a device's container was when it was seen last. */
export interface SeenAt {
  readonly vmid: number;
  readonly node: string;
  readonly macs: readonly string[];
}

export interface FindParts {
  readonly node: NodeReading;
  readonly records: LocalRecords;
  readonly seenAt: (deviceId: string) => SeenAt | undefined;
}

const AT_A_TIME = 8;

/**
 * Finds the containers of devices: by Portacode's own record where there is one, since that is one request, checked
 * against the description of the container, since numbers are used again; else by the descriptions of all containers.
 * Never rejects.
 */
export async function findContainers(deviceIds: readonly string[], parts: FindParts): Promise<ReadonlyMap<string, ContainerSearch>> {
  const found = await mapLimited(deviceIds, AT_A_TIME, async (deviceId) => [deviceId, await findOne(deviceId, parts).catch(away)] as const);
  return new Map(found);
}

async function findOne(deviceId: string, parts: FindParts): Promise<ContainerSearch> {
  const { node, records } = parts;
  const recorded = records.get(deviceId) ?? [];
  const [vmid] = recorded;
  if (vmid !== undefined && recorded.length === 1) {
    const reading = await node.readConfig(vmid);
    if (reading.kind === 'read' && reading.config.deviceId === deviceId) return found(deviceId, vmid, reading.config, node.node);
    if (reading.kind === 'failed' && reading.error.concernsAll) return away(reading.error);
  }
  const scan = await node.scan();
  const matches = [...scan.configs].filter(([, config]) => config.deviceId === deviceId);
  const [match] = matches;
  if (match === undefined) return judgeAbsence(deviceId, scan, parts);
  if (matches.length > 1) return { kind: 'several', reason: `the containers ${matches.map(([number]) => number).join(' and ')} both have its id in their description` };
  return found(deviceId, ...match, node.node);
}

function found(deviceId: string, vmid: number, { hostname, nets }: ContainerConfig, node: string): ContainerSearch {
  const container: Container = { deviceId, vmid, node, hostname, nets };
  return { kind: 'found', container };
}

/**
 * What is called gone is unpublished for good, so it takes more than a list without it: a token that lost its rights gets
 * an empty one, another node has other containers, and one that is being restored has no description yet.
 */
async function judgeAbsence(deviceId: string, scan: NodeScan, { node, seenAt }: FindParts): Promise<ContainerSearch> {
  if (scan.problem !== undefined) return away(scan.problem);
  const none = (gone: boolean, reason: string): ContainerSearch => ({ kind: 'none', gone, reason });
  const seen = seenAt(deviceId);
  if (seen === undefined) return none(false, `no container on node ${node.node} has its id in its description`);
  const uncertain = (why: string): ContainerSearch => away(new SupervisorError('DEVICE_UNKNOWN', why));
  if (seen.node !== node.node) return uncertain(`no container on node ${node.node} has its id; it was on ${seen.node}`);
  if ([...scan.configs.values()].some(({ lock }) => lock === 'create')) return uncertain(`no container has its id, but one is being created or restored`);

  const reading = await node.readConfig(seen.vmid);
  const reason = `its container ${seen.vmid} was removed`;
  if (reading.kind === 'missing') return none(true, reason);
  if (reading.kind === 'read') {
    const { deviceId: other, nets } = reading.config;
    // Lists are made of what is cached, and of what the token sees: its own config says more.
    if (other === deviceId) return found(deviceId, seen.vmid, reading.config, node.node);
    const isSame = other === undefined && nets.some(({ mac }) => seen.macs.includes(mac));
    return isSame ? none(false, `its container ${seen.vmid} has no usable device id in its description any more`) : none(true, `container ${seen.vmid} is not its any more`);
  }
  // Not in the list, and no word about why: believed where the list shows that the token sees containers at all.
  return reading.error.status === 500 && scan.configs.size > 0 ? none(true, reason) : away(reading.error);
}
