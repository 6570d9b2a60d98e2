import { SupervisorError, toSupervisorError } from '../core/errors.js';
import type { ContainerNet } from './proxmox/parse-config.js';

/** The container of a device, as Proxmox knew it when it was asked. */
export interface Container {
  readonly deviceId: string;
  readonly vmid: number;
  readonly node: string;
  readonly hostname: string | undefined;
  readonly nets: readonly ContainerNet[];
}

/** What came of looking for the container of a device. */
export type ContainerSearch =
  | { readonly kind: 'found'; readonly container: Container }
  /** Proxmox answered for every container, and none is this device's. `gone`: it had one, and that is certainly not there any more. */
  | { readonly kind: 'none'; readonly gone: boolean; readonly reason: string }
  | { readonly kind: 'several'; readonly reason: string }
  /** Proxmox cannot be asked, or does not answer for all: this says nothing about the device. */
  | { readonly kind: 'away'; readonly error: SupervisorError };

export const away = (thrown: unknown): ContainerSearch => ({ kind: 'away', error: toSupervisorError(thrown) });

export const NOBODY_KNOWS: ContainerSearch = { kind: 'none', gone: false, reason: 'nobody knows it' };

/** The container, or the error that says why there is none. */
export function containerOf(deviceId: string, search: ContainerSearch = NOBODY_KNOWS): Container {
  if (search.kind === 'found') return search.container;
  if (search.kind === 'away') throw search.error;
  throw new SupervisorError(search.kind === 'none' ? 'DEVICE_UNKNOWN' : 'DEVICE_AMBIGUOUS', `Device ${deviceId}: ${search.reason}`);
}
