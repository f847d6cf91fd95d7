/**
 * How fast strangers may make accounts: a rate for each remote address, so that one of them does not use up what all have,
 * and one for all together, so that many of them do not fill the disk. A token is taken of both or of none.
 */
import { type Clock, createBoundedCache } from '../base/index.ts';
import { type NodeLimits, REMOTES_REMEMBERED } from './limits.ts';
import type { Remote } from './remote.ts';
import { TokenBucket } from './token-bucket.ts';

export class RegistrationRate {
  readonly #clock: Clock;
  readonly #limits: NodeLimits;
  readonly #all: TokenBucket;
  readonly #remotes = createBoundedCache<string, TokenBucket>(REMOTES_REMEMBERED);

  constructor(clock: Clock, limits: NodeLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#all = new TokenBucket(limits.registrationIntervalMs, limits.registrationBurst, clock.monotonic());
  }

  /** Takes leave for one registration; or says how many milliseconds until there is some. */
  take(remote: Remote): { readonly taken: true } | { readonly taken: false; readonly waitMs: number } {
    const now = this.#clock.monotonic();
    const own = remote === undefined ? undefined : this.#bucketOf(remote, now);
    const waitMs = Math.max(this.#all.waitMs(now), own?.waitMs(now) ?? 0);
    if (waitMs > 0) return { taken: false, waitMs };
    own?.take(now);
    return this.#all.take(now);
  }

  #bucketOf(remote: string, now: number): TokenBucket {
    const { registrationBurstPerRemote: burst, registrationIntervalPerRemoteMs: intervalMs } = this.#limits;
    const bucket = this.#remotes.get(remote) ?? new TokenBucket(intervalMs, burst, now);
    this.#remotes.set(remote, bucket);
    return bucket;
  }
}
