/** Something that is done after a while, unless nobody wants it any more. */
import { type Clock, isAbort } from '../../base/index.ts';

/** Calls `act`, once; never after the signal, or after what is returned was disposed of. */
export function later(clock: Clock, ms: number, act: () => void, signal: AbortSignal): Disposable {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const waiting = clock.sleep(ms, either).then(act);
  waiting.catch((error: unknown) => {
    if (!isAbort(error, either)) throw error;
  });
  return { [Symbol.dispose]: () => over.abort() };
}
