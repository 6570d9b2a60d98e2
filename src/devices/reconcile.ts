import type { Clock } from '../core/clock.js';
import { warnOfAddress } from '../core/device-warning.js';
import type { RecordedAddress } from '../core/revision.js';
import { compare } from './compare.js';
import type { DeviceDirectory } from './directory.js';
import { withdrawLost } from './guard.js';
import type { ChangeAnswer, DevicePublishing } from './ports.js';

export interface ReconcileWish {
  /** One device, whose container was started a moment ago; else all, looked up once. */
  readonly deviceId?: string | undefined;
  readonly attempts?: number;
  readonly pauseMs?: number;
  readonly signal?: AbortSignal;
}

export interface ReconcileAnswer extends ChangeAnswer {
  /** Whether addresses changed, and so what is published. */
  readonly changed: boolean;
}

export interface ReconcileParts {
  readonly directory: DeviceDirectory;
  readonly publishing: DevicePublishing;
  readonly clock: Clock;
}

const ATTEMPTS = 6;
const PAUSE_MS = 1_000;
const LOOK_DEADLINE_MS = 5_000;
/** Proxmox has to say so again before the rules of a container that was removed go. */
const LOOKS_FOR_REMOVAL = 3;

/**
 * Looks addresses up and publishes what changed. It waits for a lease outside the queue of changes: nobody else waits
 * for it.
 */
export async function reconcile({ directory, publishing, clock }: ReconcileParts, wish: ReconcileWish): Promise<ReconcileAnswer> {
  const before = publishing.current();
  const deviceIds = before?.deviceIds.filter((deviceId) => wish.deviceId === undefined || deviceId === wish.deviceId) ?? [];
  if (before === undefined || deviceIds.length === 0) return { ...publishing.answer(), changed: false };

  const attempts = wish.deviceId === undefined ? 1 : (wish.attempts ?? ATTEMPTS);
  let gone: readonly string[] = [];
  let goneLooks = 0;
  for (let attempt = 1; ; attempt += 1) {
    const sightings = await directory.look(deviceIds, { deadlineMs: LOOK_DEADLINE_MS, served: publishing.current()?.addresses ?? [], ...(wish.signal === undefined ? {} : { signal: wish.signal }) });
    const difference = compare(publishing.current() ?? before, sightings);
    await withdrawLost(difference.lost, directory, publishing);
    gone = goneLooks === 0 ? difference.gone : gone.filter((deviceId) => difference.gone.includes(deviceId));
    goneLooks = gone.length === 0 ? 0 : goneLooks + 1;
    const mayGoOn = goneLooks > 0 ? goneLooks < LOOKS_FOR_REMOVAL : attempt < attempts;
    if (mayGoOn && difference.unsettled.length > 0) {
      await clock.sleep(wish.pauseMs ?? PAUSE_MS, wish.signal);
      continue;
    }

    let answer = publishing.answer();
    if (goneLooks >= LOOKS_FOR_REMOVAL) {
      answer = await publishing.removeDevices(gone);
      await directory.forget(gone);
    }
    const remaining = new Map([...sightings].filter(([deviceId]) => !gone.includes(deviceId)));
    if (compare(publishing.current() ?? before, remaining).moved.length > 0) answer = await publishing.refresh();
    else answer = { ...answer, warnings: [...answer.warnings, ...[...remaining].flatMap(([deviceId, { address }]) => warnOfAddress(deviceId, address) ?? [])] };
    const after = publishing.current()?.addresses ?? [];
    return { ...answer, changed: deviceIds.some((deviceId) => addressOf(deviceId, before.addresses) !== addressOf(deviceId, after)) };
  }
}

const addressOf = (deviceId: string, addresses: readonly RecordedAddress[]): string | undefined => addresses.find((one) => one.deviceId === deviceId)?.address;
