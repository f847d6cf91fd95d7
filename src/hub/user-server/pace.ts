/**
 * Whether this process takes memory or processor time where it can have one for the other. Hundreds of them share a host, each with
 * little to do, so memory is what counts; while one is being filled, as when an account is new, collecting garbage for its sake
 * would take half of the time. How rows come tells which it is.
 */
import { type Clock, isAbort } from '../../base/index.ts';
import { FILLED_MS, FILLING_ROWS_MIN } from './limits.ts';

export interface PaceDeps {
  readonly clock: Clock;
  readonly favour: (what: 'memory' | 'speed') => void;
  /** Gives memory back that nothing needs any more. */
  readonly collectGarbage: () => void;
}

export class Pace {
  readonly #deps: PaceDeps;
  #isFilling = false;
  /** Of the last transaction that brought much. */
  #filledAt = 0;

  constructor(deps: PaceDeps) {
    this.#deps = deps;
  }

  /** That many rows were changed by one transaction. True when somebody is to run `untilFilled`. */
  took(rows: number): boolean {
    if (rows < FILLING_ROWS_MIN) return false;
    this.#filledAt = this.#deps.clock.monotonic();
    if (this.#isFilling) return false;
    this.#isFilling = true;
    this.#deps.favour('speed');
    return true;
  }

  /** Resolves when memory counts again. */
  async untilFilled(signal: AbortSignal): Promise<void> {
    const { clock, collectGarbage, favour } = this.#deps;
    try {
      for (let left = FILLED_MS; left > 0; left = this.#filledAt + FILLED_MS - clock.monotonic())
        await clock.sleep(left, signal);
    } catch (error) {
      if (isAbort(error, signal)) return; // the process ends
      throw error;
    }
    this.#isFilling = false;
    favour('memory');
    collectGarbage();
  }
}
