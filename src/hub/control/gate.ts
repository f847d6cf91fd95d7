/** Lets so many through at once; the others wait in their order. */
export class Gate {
  readonly #width: number;
  readonly #queue: (() => void)[] = [];
  #inside = 0;

  constructor(width: number) {
    this.#width = width;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Resolves inside; what it resolves with is disposed of on the way out. Rejects with the signal's reason. */
  async enter(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#inside < this.#width) this.#inside++;
    else await this.#turn(signal);
    let isOut = false;
    return {
      [Symbol.dispose]: () => {
        if (isOut) return;
        isOut = true;
        // Whoever is next takes the place; it is never free in between.
        const next = this.#queue.shift();
        if (next === undefined) this.#inside--;
        else next();
      },
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(enter), 1);
        reject(signal.reason);
      };
      const enter = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(enter);
    });
  }
}
