/** One deadline over a whole piece of work, on the clock that is given. */
import type { Clock } from '../../base/index.ts';
import { FederationError } from '../federation-error.ts';

/**
 * Aborts `work` after `ms`, or with `signal`, and does not wait for it to notice. Throws FederationError `timeout`, or the
 * signal's reason.
 */
export async function within<Result>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const ending = new AbortController();
  const end = (): void => ending.abort(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  const late = clock.sleep(ms, ending.signal).then(() => {
    throw new FederationError('timeout', `no end after ${ms} ms`, { retry: 'later' });
  });
  const working = work(ending.signal);
  try {
    return await Promise.race([working, late]);
  } finally {
    signal.removeEventListener('abort', end);
    ending.abort(new DOMException('the work has ended', 'AbortError'));
    // The one that lost the race ends by this abort, which is nobody's to hear.
    await late.catch(() => undefined);
    void working.catch(() => undefined);
  }
}
