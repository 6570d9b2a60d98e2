import type { Clock } from '../core/clock.js';

/** Between the first time that Proxmox says so and the time that it is believed for good. */
const CONFIRM_AFTER_MS = 4_000;

/** Devices whose containers were removed, as Proxmox says: believed when it says so again a while later. */
export class Removals {
  readonly #clock: Clock;
  readonly #since = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `looked` were looked for, `gone` are gone of them. Those that are gone for good. */
  confirm(looked: readonly string[], gone: readonly string[]): readonly string[] {
    const now = this.#clock.monotonic();
    for (const deviceId of looked) if (!gone.includes(deviceId)) this.#since.delete(deviceId);
    for (const deviceId of gone) if (!this.#since.has(deviceId)) this.#since.set(deviceId, now);
    return gone.filter((deviceId) => now - (this.#since.get(deviceId) ?? now) >= CONFIRM_AFTER_MS);
  }

  forget(deviceIds: readonly string[]): void {
    for (const deviceId of deviceIds) this.#since.delete(deviceId);
  }

  /** How long until one can be believed; undefined where there is none. */
  get waitMs(): number | undefined {
    return this.#since.size === 0 ? undefined : CONFIRM_AFTER_MS;
  }
}
