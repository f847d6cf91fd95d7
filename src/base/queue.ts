/**
 * A bounded queue between a producer and one consumer: `push` says whether there was room, the consumer iterates.
 * Overflow is the producer's to answer (refuse, cut, wait for `whenRoom`); the queue never grows past its capacity.
 */
export class BoundedQueue<Item> implements AsyncIterable<Item> {
  readonly #capacity: number;
  #items: Item[] = [];
  #closed = false;
  #wakeConsumer: (() => void) | undefined;
  #wakeProducers: (() => void)[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#items.length;
  }

  /** False when full or closed: the item was not taken. */
  push(item: Item): boolean {
    if (this.#closed || this.#items.length >= this.#capacity) return false;
    this.#items.push(item);
    this.#wakeConsumer?.();
    this.#wakeConsumer = undefined;
    return true;
  }

  /** Resolves when a push may succeed, or the queue is closed. */
  async whenRoom(): Promise<void> {
    while (!this.#closed && this.#items.length >= this.#capacity)
      await new Promise<void>((resolve) => this.#wakeProducers.push(resolve));
  }

  /** Everything that waits now, at once; empty when closed and drained. Waits while there is nothing. */
  async takeAll(): Promise<Item[]> {
    while (this.#items.length === 0 && !this.#closed)
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve;
      });
    const items = this.#items;
    this.#items = [];
    const producers = this.#wakeProducers;
    this.#wakeProducers = [];
    for (const wake of producers) wake();
    return items;
  }

  /** No more pushes; what is queued is still delivered. */
  close(): void {
    this.#closed = true;
    this.#wakeConsumer?.();
    this.#wakeConsumer = undefined;
    for (const wake of this.#wakeProducers) wake();
    this.#wakeProducers = [];
  }

  /** A consumer that stops in the middle leaves the rest to the next iteration. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for (;;) {
      const items = await this.takeAll();
      if (items.length === 0) return;
      let taken = 0;
      try {
        while (taken < items.length) yield items[taken++] as Item;
      } finally {
        if (taken < items.length) this.#items = [...items.slice(taken), ...this.#items];
      }
    }
  }
}
