/** One deadline over a whole operation, passed down as a signal. Portable. */
import type { Clock } from './clock.ts';

/**
 * Runs `work` with a signal that is aborted by `signal`, or with `late()` after `timeoutMs`. `work` must reject with its
 * signal's reason when that is aborted.
 */
export async function withDeadline<Result>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
  late: () => Error,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  // Aborted by the caller, by the deadline, and at the end, which also stops the deadline.
  const attempt = new AbortController();
  const onAbort = (): void => attempt.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const deadline = clock.sleep(timeoutMs, attempt.signal).then(
    () => attempt.abort(late()),
    () => undefined, // the work ended first
  );
  try {
    return await work(attempt.signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
    attempt.abort(ENDED);
    await deadline;
  }
}

/** Made once: each new one would record where it was made. */
const ENDED = new DOMException('the work has ended', 'AbortError');

/** What `promise` yields, unless `signal` is aborted first; what comes late is dropped. */
export function abortable<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      promise.catch(() => undefined); // dropped, like what comes late
      return;
    }
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Resolves when `signal` is aborted; at once when it was already. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Calls `act` when `signal` is aborted; at once when it was already, which a listener alone would wait for without end.
 * Disposed when there is nothing left to stop.
 */
export function whenAborted(signal: AbortSignal | undefined, act: () => void): Disposable {
  if (signal?.aborted === true) act();
  else signal?.addEventListener('abort', act, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', act) };
}
