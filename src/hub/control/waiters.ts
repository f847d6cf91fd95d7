/** Who waits for something to be there: each is let in with it, is refused, or leaves by itself. */
export class Waiters<Awaited> {
  readonly #waiting = new Set<{
    readonly resolve: (there: Awaited) => void;
    readonly reject: (error: Error) => void;
  }>();

  get count(): number {
    return this.#waiting.size;
  }

  /** Rejects with the signal's reason. */
  wait(signal: AbortSignal): Promise<Awaited> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => waiter.reject(signal.reason);
      const leaving =
        <Value>(settle: (value: Value) => void) =>
        (value: Value): void => {
          this.#waiting.delete(waiter);
          signal.removeEventListener('abort', onAbort);
          settle(value);
        };
      const waiter = { resolve: leaving(resolve), reject: leaving(reject) };
      this.#waiting.add(waiter);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  admit(there: Awaited): void {
    for (const { resolve } of [...this.#waiting]) resolve(there);
  }

  refuse(error: Error): void {
    for (const { reject } of [...this.#waiting]) reject(error);
  }
}
