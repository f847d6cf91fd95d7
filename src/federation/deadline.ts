/** The deadline of everything that is asked of another home, on the clock that is given. */
import { abortable, type Clock, withDeadline } from '../base/index.ts';
import { FederationError } from './federation-error.ts';

/**
 * Aborts `work` after `ms`, or with `signal`, and does not wait for it to notice. Throws FederationError `timeout`, or the
 * signal's reason.
 */
export function within<Result>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const late = (): Error => new FederationError('timeout', `no end after ${ms} ms`, { retry: 'later' });
  return withDeadline(clock, ms, signal, late, (ending) => abortable(work(ending), ending));
}
