/**
 * Two kinds of randomness that the types keep apart: one fit for keys, one that a seed replays.
 */
export interface SecureRandom {
  /** `size` bytes fit for keys and nonces. */
  bytes(size: number): Uint8Array;
}

/** A seeded generator for choices, jitter and simulations. Not fit for keys: it is another type on purpose. */
export interface Prng {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, bound). */
  below(bound: number): number;
}

/** mulberry32: 32 bits of state, the same sequence for the same seed on every platform. */
export class SeededPrng implements Prng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }
}

/** Secure bytes for simulations: repeatable, so never used outside tests. */
export class SeededSecureRandom implements SecureRandom {
  readonly #prng: SeededPrng;

  constructor(seed: number) {
    this.#prng = new SeededPrng(seed);
  }

  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.#prng.below(256));
  }
}
