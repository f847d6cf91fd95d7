/**
 * One listener on a signal however many jobs wait for it: a batch of hundreds shares its caller's signal, and Node warns
 * of a leak at the eleventh listener.
 */
const watchers = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `onAbort` once when the signal is aborted, unless disposed before. For a signal that is not aborted yet. */
export function watchAbort(signal: AbortSignal | undefined, onAbort: () => void): Disposable {
  if (signal === undefined) return { [Symbol.dispose]: () => {} };
  const all = watchers.get(signal) ?? listen(signal);
  // A wrapper of its own, so that the same function given twice is two watchers.
  const watcher = (): void => onAbort();
  all.add(watcher);
  return { [Symbol.dispose]: () => void all.delete(watcher) };
}

function listen(signal: AbortSignal): Set<() => void> {
  const all = new Set<() => void>();
  watchers.set(signal, all);
  signal.addEventListener('abort', () => {
    for (const watcher of all) watcher();
    all.clear();
  });
  return all;
}
