/** A rate with a burst: one token every `intervalMs` on average, at most `burst` saved. Pure but for its two numbers. */
export class TokenBucket {
  readonly #intervalMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(intervalMs: number, burst: number, now: number) {
    this.#intervalMs = intervalMs;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Takes a token that will be there in so many milliseconds; undefined when that many are promised already. */
  reserve(now: number, promisedMax: number): number | undefined {
    this.#refill(now);
    if (this.#tokens < 1 - promisedMax) return undefined;
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens * this.#intervalMs);
  }

  /** Takes a token; or says how many milliseconds of monotonic time until there is one. */
  take(now: number): { readonly taken: true } | { readonly taken: false; readonly waitMs: number } {
    const waitMs = this.waitMs(now);
    if (waitMs > 0) return { taken: false, waitMs };
    this.#tokens -= 1;
    return { taken: true };
  }

  /** Milliseconds until there is a token; 0: there is one. */
  waitMs(now: number): number {
    this.#refill(now);
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) * this.#intervalMs);
  }

  #refill(now: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) / this.#intervalMs);
    this.#at = now;
  }
}
