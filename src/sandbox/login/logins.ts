import type { FaultScript } from '../fault-script.js';
import { toOriginCert } from '../world/api-tokens.js';
import type { World } from '../world/world.js';
import type { Zone } from '../world/zones.js';
import type { LoginFault, LoginFaultRule } from './faults.js';
import { toLoginKey, toLoginUrl } from './login-url.js';

export type LoginState =
  /** cloudflared asks for the certificate, or somebody opened the page. */
  | 'waiting'
  /** Somebody chose a zone; cloudflared has not fetched the certificate yet. */
  | 'authorised'
  | 'delivered'
  /** cloudflared ended, or polled as often as it does. */
  | 'abandoned';

export interface Login {
  readonly key: string;
  /** As cloudflared printed it. */
  readonly url: string;
  readonly state: LoginState;
  /** The name of the zone that was chosen. */
  readonly zone: string | undefined;
  /** Wall clock, ms. */
  readonly startedAt: number;
  readonly polls: number;
}

interface Entry {
  readonly key: string;
  readonly startedAt: number;
  readonly fault: LoginFault | undefined;
  state: LoginState;
  zone: Zone | undefined;
  polls: number;
}

/** What a poll of the certificate store is answered with. */
export type PollAnswer =
  | { readonly kind: 'certificate'; readonly body: string }
  | { readonly kind: 'not-yet' }
  | { readonly kind: 'server-error' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'silence' };

export interface LoginsOptions {
  readonly world: World;
  readonly faults: FaultScript<LoginFaultRule>;
  readonly now: () => number;
  /** How long a poll is held open before it is answered "not yet". cloudflared polls ten times, and not longer than 60 s each. */
  readonly pollHoldMs: number;
}

const POLLS_MAX = 10;
const LOGINS_MAX = 1000;

/** Every login that was begun, from cloudflared's first poll or a person's visit to the certificate. */
export class Logins {
  readonly #entries = new Map<string, Entry>();
  readonly #options: LoginsOptions;

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /** Oldest first. */
  list(): readonly Login[] {
    return [...this.#entries.values()].map(show);
  }

  /** Somebody opened the page: the login is known from now on, whether cloudflared polled already or not. */
  visit(login: string): Login | undefined {
    const key = toLoginKey(login);
    return key === undefined ? undefined : show(this.#enter(key));
  }

  /**
   * A person signs in, chooses the zone (the first unless given) and authorises. `login` is the URL or the key;
   * without one the oldest that waits. Undefined where there is no such login or zone.
   */
  authorise(login?: string, zoneName?: string): Login | undefined {
    const zone = this.#options.world.zones.find(zoneName);
    const key = login === undefined ? [...this.#entries.values()].find(({ state }) => state === 'waiting')?.key : toLoginKey(login);
    if (zone === undefined || key === undefined) return undefined;
    const entry = this.#enter(key);
    entry.zone = zone;
    if (entry.state === 'waiting') entry.state = 'authorised';
    this.#options.world.changes.announce();
    return show(entry);
  }

  /** One poll of cloudflared, held until there is something to say. The signal says that it hung up. */
  async poll(key: string, signal: AbortSignal): Promise<PollAnswer> {
    const { world, pollHoldMs } = this.#options;
    const entry = this.#enter(key);
    entry.polls += 1;
    world.changes.announce();
    if (entry.fault?.kind === 'server-error' || entry.fault?.kind === 'reset') {
      this.#move(entry, 'abandoned');
      return { kind: entry.fault.kind };
    }
    if (entry.fault?.kind === 'never') return { kind: 'silence' };
    const holdMs = entry.fault?.kind === 'give-up' ? 0 : pollHoldMs;
    const zone = entry.fault?.kind === 'give-up' ? undefined : await world.changes.wait(() => entry.zone, holdMs, signal);
    if (signal.aborted) return { kind: 'silence' };
    if (zone === undefined) {
      if (entry.polls >= POLLS_MAX) this.#move(entry, 'abandoned');
      return { kind: 'not-yet' };
    }
    this.#move(entry, 'delivered');
    return { kind: 'certificate', body: this.#certificate(zone, entry.fault) };
  }

  /** cloudflared hung up. */
  abandon(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.state !== 'delivered') this.#move(entry, 'abandoned');
  }

  #certificate(chosen: Zone, fault: LoginFault | undefined): string {
    if (fault?.kind === 'bad-certificate') return '<!DOCTYPE html><title>Service unavailable</title>';
    const { zones, tokens } = this.#options.world;
    const zone = fault?.kind === 'other-zone' ? zones.find(fault.zone) ?? chosen : chosen;
    return toOriginCert(fault?.kind === 'revoked-token' ? { value: 'revoked', accountId: zone.account.id, zoneId: zone.id } : tokens.issue(zone));
  }

  #enter(key: string): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size >= LOGINS_MAX) this.#entries.delete(oldest);
    const fault = this.#options.faults.take(() => true)?.fault;
    const entry: Entry = { key, startedAt: this.#options.now(), fault, state: 'waiting', zone: undefined, polls: 0 };
    this.#entries.set(key, entry);
    this.#options.world.changes.announce();
    return entry;
  }

  #move(entry: Entry, state: LoginState): void {
    entry.state = state;
    this.#options.world.changes.announce();
  }
}

const show = ({ key, state, zone, startedAt, polls }: Entry): Login => ({ key, url: toLoginUrl(key), state, zone: zone?.name, startedAt, polls });
