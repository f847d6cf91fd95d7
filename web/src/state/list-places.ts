/** Which email stands where in a list, and for which thread: a page is placed without a look at all the others. */

export interface Listed {
  /** Of the email that shows the thread. */
  readonly id: string;
  /** Of the thread. */
  readonly key: string;
}

export class ListPlaces {
  #ids: readonly (string | undefined)[] = [];
  readonly #places = new Map<string, { readonly key: string; at: number }>();
  readonly #threads = new Map<string, string>();

  /** By position; what is not here is not fetched yet. Another array after each change. */
  get ids(): readonly (string | undefined)[] {
    return this.#ids;
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
    const ids = this.#ids.slice(0, total);
    while (ids.length < total) ids.push(undefined);
    const gone = new Set(this.#ids.slice(total).filter((id) => id !== undefined));
    const leave = (at: number | undefined): void => {
      const id = at === undefined ? undefined : ids[at];
      if (at === undefined || id === undefined) return;
      ids[at] = undefined;
      gone.add(id);
    };
    // A thread that has moved up, perhaps with a newer email, is in one place only.
    for (const { key } of page) leave(this.positionOf(key));
    for (const index of page.keys()) leave(first + index);
    this.#forget(gone);
    for (const [index, { id, key }] of page.entries()) {
      ids[first + index] = id;
      this.#places.set(id, { key, at: first + index });
      this.#threads.set(key, id);
      gone.delete(id);
    }
    this.#ids = ids;
    return gone;
  }

  /** What is behind it moves up. Returns the emails that have gone. */
  drop(keys: ReadonlySet<string>): ReadonlySet<string> {
    const gone = new Set([...keys].flatMap((key) => this.#threads.get(key) ?? []));
    this.#forget(gone);
    this.#ids = this.#ids.filter((id) => id === undefined || !gone.has(id));
    for (const [at, id] of this.#ids.entries()) {
      const place = id === undefined ? undefined : this.#places.get(id);
      if (place !== undefined) place.at = at;
    }
    return gone;
  }

  #forget(gone: ReadonlySet<string>): void {
    for (const id of gone) {
      this.#threads.delete(this.#places.get(id)?.key ?? '');
      this.#places.delete(id);
    }
  }
}
