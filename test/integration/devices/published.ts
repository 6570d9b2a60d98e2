import type { DeviceDirectory } from '../../../src/devices/directory.js';
import type { ChangeAnswer, DevicePublishing, PublishedDevices } from '../../../src/devices/ports.js';

/** Somebody who publishes devices, in memory: what was asked of them, and what they serve. */
export interface Published extends DevicePublishing {
  /** Every change that was made, in order, as a line. */
  readonly changes: string[];
  /** Resolves with the next change that is made, or was made since the last one was taken. */
  nextChange(): Promise<string>;
  publish(...deviceIds: string[]): Promise<void>;
  /** Refreshes wait until they are released; `reached` when one does. */
  hold(): { readonly reached: Promise<void>; readonly release: () => void };
  /** The next change fails. */
  failNext(error: Error): void;
  /** For `followDevices`. */
  readonly onPublished: (listener: () => void) => () => void;
}

export function createPublished(directory: DeviceDirectory): Published {
  let current: PublishedDevices | undefined;
  let held: { readonly reach: () => void; readonly released: Promise<void> } | undefined;
  let failure: Error | undefined;
  const changes: string[] = [];
  let taken = 0;
  const waiting = new Set<() => void>();
  const listeners = new Set<() => void>();

  const made = (change: string): void => {
    changes.push(change);
    for (const tell of waiting) tell();
  };
  const fail = (): void => {
    const error = failure;
    failure = undefined;
    if (error !== undefined) throw error;
  };
  const answer = (outcome: ChangeAnswer['outcome']): ChangeAnswer => ({ outcome, revision: current?.revision ?? 0, rules: [], warnings: [] });
  const describe = (): string => (current?.addresses ?? []).map(({ deviceId, address }) => `${deviceId}@${address}`).join(' ') || 'nowhere';
  const commit = (deviceIds: readonly string[], addresses: PublishedDevices['addresses'], change: string): ChangeAnswer => {
    const before = describe();
    const published = current?.deviceIds;
    current = { revision: (current?.revision ?? 0) + 1, deviceIds, addresses };
    const isSame = before === describe() && published?.join() === deviceIds.join();
    made(`${change}: ${isSame ? 'unchanged' : describe()}`);
    for (const listener of listeners) listener();
    return answer(isSame ? 'unchanged' : 'applied');
  };
  const resolveAll = async (deviceIds: readonly string[]): Promise<PublishedDevices['addresses']> =>
    [...await directory.resolve(deviceIds)].flatMap(([deviceId, one]) => (one.kind === 'found' ? [{ deviceId, address: one.address, mac: one.mac, at: '' }] : []));

  return {
    changes,
    current: () => current,
    answer: () => answer('unchanged'),
    refresh: async () => {
      held?.reach();
      await held?.released;
      fail();
      return commit(current?.deviceIds ?? [], await resolveAll(current?.deviceIds ?? []), 'refresh');
    },
    withdraw: async (lost) => {
      fail();
      commit(current?.deviceIds ?? [], (current?.addresses ?? []).filter((one) => !lost.some((other) => other.deviceId === one.deviceId && other.address === one.address)), 'withdraw');
    },
    removeDevices: async (deviceIds) => {
      fail();
      const isOther = (deviceId: string): boolean => !deviceIds.includes(deviceId);
      return commit((current?.deviceIds ?? []).filter(isOther), (current?.addresses ?? []).filter(({ deviceId }) => isOther(deviceId)), `remove ${deviceIds.join(' ')}`);
    },
    publish: async (...deviceIds) => {
      commit(deviceIds, await resolveAll(deviceIds), 'publish');
      taken = changes.length;
    },
    hold: () => {
      let reach = (): void => {};
      const reached = new Promise<void>((resolve) => (reach = resolve));
      let release = (): void => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      held = { reach, released };
      return {
        reached,
        release: () => {
          held = undefined;
          release();
        },
      };
    },
    failNext: (error) => {
      failure = error;
    },
    nextChange: () => new Promise((resolve) => {
      const look = (): void => {
        const change = changes[taken];
        if (change === undefined) return;
        taken += 1;
        waiting.delete(look);
        resolve(change);
      };
      waiting.add(look);
      look();
    }),
    onPublished: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
