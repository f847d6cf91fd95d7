/** At most so many at once; the others wait in the order they came. */
export class Window {
  readonly size: number;
  #inside = 0;
  #failure: Error | undefined;
  readonly #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  constructor(size: number) {
    this.size = size;
  }

  /** Resolves inside. Rejects when the window was closed. */
  async enter(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#inside < this.size) {
      this.#inside += 1;
      return;
    }
    // Whoever leaves hands the place over, so `#inside` stays.
    await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inside -= 1;
    else next.resolve();
  }

  close(failure: Error): void {
    this.#failure = failure;
    for (const { reject } of this.#waiting.splice(0)) reject(failure);
  }
}
