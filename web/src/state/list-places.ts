/** Which email stands where in a list, and for which thread: a page is placed without a look at all the others. */

export interface Listed {
  /** Of the email that shows the thread. */
  readonly id: string;
  /** Of the thread. */
  readonly key: string;
}

/** Positions whose ids are copied together when one of them changes. */
const CHUNK = 256;

/** What stands at each position that is known. It never changes: whoever has kept one sees what was. */
export class Order {
  readonly #chunks: readonly (readonly (string | undefined)[] | undefined)[];

  constructor(chunks: readonly (readonly (string | undefined)[] | undefined)[] = []) {
    this.#chunks = chunks;
  }

  at(position: number): string | undefined {
    return this.#chunks[Math.floor(position / CHUNK)]?.[position % CHUNK];
  }

  /** Those that stand at `first` or behind it. */
  from(first: number): readonly string[] {
    const chunks = this.#chunks.slice(Math.floor(first / CHUNK));
    return chunks
      .flatMap((chunk, index) => (index === 0 ? chunk?.slice(first % CHUNK) : chunk))
      .filter((id) => id !== undefined);
  }

  with(changes: Iterable<readonly [position: number, id: string | undefined]>): Order {
    const chunks = [...this.#chunks];
    const copies = new Map<number, (string | undefined)[]>();
    for (const [position, id] of changes) {
      const number = Math.floor(position / CHUNK);
      const copy = copies.get(number) ?? [...(chunks[number] ?? [])];
      copy[position % CHUNK] = id;
      copies.set(number, copy);
      chunks[number] = copy;
    }
    return new Order(chunks);
  }
}

export class ListPlaces {
  #order = new Order();
  readonly #places = new Map<string, { readonly key: string; readonly at: number }>();
  readonly #threads = new Map<string, string>();

  /** Another one after each change. */
  get order(): Order {
    return this.#order;
  }

  /** Undefined: not among what is fetched. */
  placeOf(id: string): number | undefined {
    return this.#places.get(id)?.at;
  }

  /** Undefined: as above. */
  positionOf(key: string): number | undefined {
    return this.placeOf(this.#threads.get(key) ?? '');
  }

  /** What stands at `first` and after it, of `total`. Returns what has lost its place. */
  put(first: number, page: readonly Listed[], total: number): ReadonlySet<string> {
    const gone = new Set(this.#order.from(total));
    // A thread that has moved up, perhaps with a newer email, is in one place only.
    for (const [index, { key }] of page.entries())
      for (const id of [this.#order.at(first + index), this.#threads.get(key)]) if (id !== undefined) gone.add(id);
    const changes = new Map<number, string | undefined>();
    for (const id of gone) changes.set(this.placeOf(id) ?? 0, undefined);
    this.#forget(gone);
    for (const [index, listed] of page.entries()) {
      changes.set(first + index, listed.id);
      this.#place(listed, first + index);
      gone.delete(listed.id);
    }
    this.#order = this.#order.with(changes);
    return gone;
  }

  /** What is behind it moves up. Returns the emails that have gone. */
  drop(keys: ReadonlySet<string>): ReadonlySet<string> {
    const gone = new Set([...keys].flatMap((key) => this.#threads.get(key) ?? []));
    const left = [...gone].flatMap((id) => this.placeOf(id) ?? []).sort((a, b) => a - b);
    this.#forget(gone);
    let before = 0;
    for (const [id, { at, key }] of [...this.#places].sort(([, a], [, b]) => a.at - b.at)) {
      while ((left[before] ?? at) < at) before++;
      this.#place({ id, key }, at - before);
    }
    this.#order = new Order().with([...this.#places].map(([id, { at }]) => [at, id]));
    return gone;
  }

  #place({ id, key }: Listed, at: number): void {
    this.#places.set(id, { key, at });
    this.#threads.set(key, id);
  }

  #forget(gone: ReadonlySet<string>): void {
    for (const id of gone) {
      this.#threads.delete(this.#places.get(id)?.key ?? '');
      this.#places.delete(id);
    }
  }
}
