/**
 * How much of this server one home may take: requests on average and under way, and bytes of bodies. A home that floods is
 * told to wait, and takes nothing from the others.
 */
import { type Clock, createBoundedCache } from '../../base/index.ts';
import type { HomeName } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { ORIGINS_REMEMBERED, type TransportLimits } from './limits.ts';

interface Origin {
  /** When all that it was let in for is paid at the average rate (a leaky bucket as one number). */
  paidAt: number;
  inFlight: number;
  bytes: number;
}

/** How long a home that has too much under way should wait: some requests end in a second. */
const CROWDED_WAIT_MS = 1_000;

export class Admission {
  readonly #clock: Clock;
  readonly #limits: TransportLimits;
  readonly #origins = createBoundedCache<HomeName, Origin>(ORIGINS_REMEMBERED);
  #bytes = 0;

  constructor(clock: Clock, limits: TransportLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Lets a request with that many bytes of body in; what comes back lets it out, once. Throws FederationError. */
  admit(origin: HomeName, bodyBytes: number): () => void {
    const { allBodyBytesInFlight, bodyBytesInFlight, requestBurst, requestsInFlight, requestsPerSecond } = this.#limits;
    const state = this.#origins.get(origin) ?? { paidAt: 0, inFlight: 0, bytes: 0 };
    this.#origins.set(origin, state);
    const now = this.#clock.monotonic();
    const priceMs = 1_000 / requestsPerSecond;
    const paidAt = Math.max(state.paidAt, now) + priceMs;
    const aheadMs = paidAt - now - requestBurst * priceMs;
    if (aheadMs > 0) throw tooMany('too many requests', aheadMs);
    state.paidAt = paidAt;
    if (state.inFlight >= requestsInFlight) throw tooMany('too many requests at once', CROWDED_WAIT_MS);
    if (state.bytes > 0 && state.bytes + bodyBytes > bodyBytesInFlight)
      throw tooMany('too much at once', CROWDED_WAIT_MS);
    if (this.#bytes > 0 && this.#bytes + bodyBytes > allBodyBytesInFlight)
      throw new FederationError('unavailable', 'this home is busy', {
        retry: 'later',
        details: { retryAfterMs: CROWDED_WAIT_MS },
      });
    this.#count(state, 1, bodyBytes);
    let isIn = true;
    return () => {
      if (isIn) this.#count(state, -1, -bodyBytes);
      isIn = false;
    };
  }

  #count(state: Origin, requests: number, bytes: number): void {
    state.inFlight += requests;
    state.bytes += bytes;
    this.#bytes += bytes;
  }
}

function tooMany(what: string, waitMs: number): FederationError {
  return new FederationError('rate_limited', what, { retry: 'later', details: { retryAfterMs: Math.ceil(waitMs) } });
}
