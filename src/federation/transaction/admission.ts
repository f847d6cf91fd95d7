/**
 * Who may have work done: one piece at a time for each origin, some waiting behind it, and a bounded number in all. A flood
 * from one home waits behind itself.
 */
import type { HomeName } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { ORIGIN_WAITING_MAX, RECEIVING_MAX, WAITING_MAX } from './limits.ts';
import { Slots } from './slots.ts';

interface Lane {
  readonly slots: Slots;
  users: number;
}

export class Admission {
  readonly #lanes = new Map<HomeName, Lane>();
  readonly #places = new Slots(RECEIVING_MAX);
  #present = 0;

  /** Throws FederationError `rate_limited`. */
  async run<Result>(origin: HomeName, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const lane = this.#lanes.get(origin) ?? { slots: new Slots(1), users: 0 };
    if (lane.users > ORIGIN_WAITING_MAX || this.#present >= RECEIVING_MAX + WAITING_MAX)
      throw new FederationError('rate_limited', 'too many transactions under way', { retry: 'later' });
    this.#lanes.set(origin, lane);
    lane.users += 1;
    this.#present += 1;
    try {
      using _turn = await lane.slots.take(signal);
      using _place = await this.#places.take(signal);
      return await work();
    } finally {
      this.#present -= 1;
      lane.users -= 1;
      if (lane.users === 0) this.#lanes.delete(origin);
    }
  }
}
