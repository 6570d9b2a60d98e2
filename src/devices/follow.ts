import type { Clock, Random } from '../core/clock.js';
import { toSupervisorError } from '../core/errors.js';
import type { Logger } from '../host/logging.js';
import { Bell } from './bell.js';
import { compare } from './compare.js';
import type { DeviceDirectory } from './directory.js';
import { createGuard, withdrawLost } from './guard.js';
import { Pace } from './pace.js';
import type { DevicePublishing } from './ports.js';
import { Removals } from './removals.js';
import { watchFile } from './watch-file.js';

export interface FollowParts {
  readonly directory: DeviceDirectory;
  readonly publishing: DevicePublishing;
  readonly leaseFile: string;
  /** Calls the listener after every change of what is published. */
  readonly onPublished: (listener: () => void) => () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** How often Proxmox is asked though nothing seems to have changed. */
export const POLL_INTERVAL_MS = 180_000;
/** How soon a device that could not be looked up is looked up again; doubles up to the poll. */
const FIRST_RETRY_MS = 15_000;
/** A lease file that was written is read when it was quiet for so long, and at the latest after the other: machines that start together move together. */
const QUIET_MS = 300;
const LONGEST_UNQUIET_MS = 2_000;
/** A lease that changed says nothing about which container has which MAC: what Proxmox said of it lately is good enough. */
const CONTAINERS_MAX_AGE_MS = 60_000;
const LOOK_DEADLINE_MS = 20_000;

/** Follows the addresses of published devices until aborted: lease file, Proxmox now and then. Never rejects. */
export async function followDevices(parts: FollowParts, signal: AbortSignal): Promise<void> {
  const { directory, publishing, leaseFile, clock, random, logger } = parts;
  const bell = new Bell<'leases' | 'published'>(clock);
  const paces = new Map<string, Pace>();
  const removals = new Removals(clock);
  const warn = (error: unknown, message: string): void => {
    const { code, ...body } = toSupervisorError(error).toBody();
    if (!signal.aborted && code !== 'DAEMON_STOPPING') logger.warn({ error: { code, ...body } }, message);
  };
  const guard = createGuard({
    directory,
    publishing,
    onFailure: (error) => {
      warn(error, 'an address of somebody else could not be withdrawn');
      due(FIRST_RETRY_MS);
    },
  });

  let dueAt = clock.monotonic();
  let retryMs = FIRST_RETRY_MS;
  /** What was tried to be published last and changed nothing: two devices that claim one address, for example. */
  let futile = '';
  const due = (ms: number): void => {
    dueAt = Math.min(dueAt, clock.monotonic() + ms);
  };

  const paceOf = (deviceId: string): Pace => {
    const pace = paces.get(deviceId) ?? new Pace(clock);
    paces.set(deviceId, pace);
    return pace;
  };

  const follow = async (maxAgeMs: number): Promise<void> => {
    dueAt = clock.monotonic() + POLL_INTERVAL_MS * (0.9 + random() / 5);
    const current = publishing.current();
    if (current === undefined || current.deviceIds.length === 0) return;
    const sightings = await directory.look(current.deviceIds, { maxAgeMs, deadlineMs: LOOK_DEADLINE_MS, served: current.addresses, signal });
    const { lost, gone, unsettled } = compare(current, sightings);
    // That a MAC is somebody else's is not said by what was known a minute ago.
    if (lost.length > 0 && maxAgeMs > 0) {
      await follow(0);
      return;
    }
    if (unsettled.length > 0) due(retryMs);
    retryMs = unsettled.length === 0 ? FIRST_RETRY_MS : Math.min(POLL_INTERVAL_MS, retryMs * 2);
    await withdrawLost(lost, directory, publishing);
    const removed = removals.confirm(current.deviceIds, gone);
    if (removed.length > 0) await remove(removed);
    if (removals.waitMs !== undefined) due(removals.waitMs);

    const { moved } = compare(publishing.current() ?? current, new Map([...sightings].filter(([deviceId]) => !removed.includes(deviceId))));
    const wish = JSON.stringify(moved.map((deviceId) => [deviceId, sightings.get(deviceId)?.address]));
    if (moved.length === 0 || wish === futile) return;
    const waitMs = Math.min(...moved.map((deviceId) => paceOf(deviceId).wait()));
    if (waitMs > 0) {
      due(waitMs);
      return;
    }
    const { outcome } = await publishing.refresh();
    futile = outcome === 'unchanged' ? wish : '';
    for (const deviceId of moved) paceOf(deviceId).note();
  };

  const remove = async (deviceIds: readonly string[]): Promise<void> => {
    await publishing.removeDevices(deviceIds);
    await directory.forget(deviceIds);
    removals.forget(deviceIds);
    for (const deviceId of deviceIds) paces.delete(deviceId);
  };

  const untilQuiet = async (): Promise<void> => {
    const since = clock.monotonic();
    while (clock.monotonic() - since < LONGEST_UNQUIET_MS) {
      if (!(await bell.sleep(QUIET_MS, signal)).has('leases')) return;
    }
  };

  let watching: Promise<void> | undefined;
  const stopListening = parts.onPublished(() => {
    void guard();
    bell.ring('published');
  });
  try {
    for (;;) {
      const devices = publishing.current();
      if (devices !== undefined && devices.deviceIds.length > 0) {
        watching ??= watchFile(leaseFile, () => { void guard(); bell.ring('leases'); }, { clock, signal });
        if (devices.addresses.length < devices.deviceIds.length) due(retryMs);
      }
      const rung = await bell.sleep(Math.max(0, dueAt - clock.monotonic()), signal);
      if (rung.has('leases')) await untilQuiet();
      else if (rung.has('published')) continue;
      await follow(rung.has('leases') ? CONTAINERS_MAX_AGE_MS : 0).catch((error: unknown) => {
        warn(error, 'addresses of devices could not be followed');
        due(FIRST_RETRY_MS);
      });
    }
  } catch {
    // Aborted: nothing else is thrown.
  } finally {
    stopListening();
    await watching;
  }
}
