/** Cloudflare's own limit: 1,200 requests in five minutes for each user. Off unless switched on. */
export interface RateLimitSetting {
  readonly requests: number;
  readonly windowMs: number;
}

/** Counts in windows that begin with a request, as Cloudflare does; over the limit a client is told when the window ends. */
export class RateLimit {
  #setting: RateLimitSetting | undefined;
  #startedAt = -Infinity;
  #used = 0;
  readonly #now: () => number;

  constructor(now: () => number, setting?: RateLimitSetting) {
    this.#now = now;
    this.#setting = setting;
  }

  set(setting: RateLimitSetting | undefined): void {
    this.#setting = setting;
    this.#startedAt = -Infinity;
    this.#used = 0;
  }

  get(): RateLimitSetting | undefined {
    return this.#setting;
  }

  /** Undefined lets the request through; else the seconds to wait. */
  take(): number | undefined {
    if (this.#setting === undefined) return undefined;
    const now = this.#now();
    if (now >= this.#startedAt + this.#setting.windowMs) {
      this.#startedAt = now;
      this.#used = 0;
    }
    this.#used += 1;
    if (this.#used <= this.#setting.requests) return undefined;
    return Math.ceil((this.#startedAt + this.#setting.windowMs - now) / 1000);
  }
}
