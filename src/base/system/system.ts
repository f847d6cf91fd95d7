/** The real clock and randomness. tidy refuses the globals they stand for everywhere else. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { SecureRandom } from '../random.ts';

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
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
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
