/** The machine's clock, which a test sets forward: as if so much time had gone by. */
import { SystemClock } from '../../src/base/system/index.ts';

export class SkippingClock extends SystemClock {
  #skippedMs = 0;

  override now(): number {
    return super.now() + this.#skippedMs;
  }

  override monotonic(): number {
    return super.monotonic() + this.#skippedMs;
  }

  skip(ms: number): void {
    this.#skippedMs += ms;
  }
}
