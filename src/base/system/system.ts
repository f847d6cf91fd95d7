/** The real clock and randomness. tidy refuses the globals they stand for everywhere else. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { SecureRandom } from '../random.ts';
import { TIMER_MS_MAX } from './limits.ts';

export class SystemClock implements Clock {
  now(): number {
    return performance.timeOrigin + performance.now() + this.#drift();
  }

  monotonic(): number {
    return performance.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const wakeAt = this.monotonic() + ms;
      // A timer may ring a fraction of a millisecond early, and cannot be set further than TIMER_MS_MAX.
      const ring = (): void => {
        const remainingMs = wakeAt - this.monotonic();
        if (remainingMs > 0) {
          timer = setTimeout(ring, Math.min(remainingMs, TIMER_MS_MAX));
          return;
        }
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      let timer = setTimeout(ring, Math.min(Math.max(0, ms), TIMER_MS_MAX));
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** performance.now() has the microseconds, Date.now() follows changes of the wall clock: near each other, keep both. */
  #drift(): number {
    const fine = performance.timeOrigin + performance.now();
    const coarse = Date.now();
    return Math.abs(coarse - fine) < 2 ? 0 : coarse - fine;
  }
}

export class SystemRandom implements SecureRandom {
  bytes(size: number): Uint8Array {
    return new Uint8Array(randomBytes(size));
  }
}
