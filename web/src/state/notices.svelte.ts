/** What was just done, said in a corner for some seconds, with a way back. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isProblem: boolean;
  readonly undo: (() => void | Promise<void>) | undefined;
}

const SHOWN_MS = 8_000;

export class Notices {
  list = $state.raw<readonly Notice[]>([]);
  #nextId = 1;

  say(text: string, undo?: () => void | Promise<void>, shownMs: number = SHOWN_MS): number {
    return this.#add({ text, undo, isProblem: false }, shownMs);
  }

  problem(text: string): void {
    this.#add({ text, undo: undefined, isProblem: true }, 2 * SHOWN_MS);
  }

  drop(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }

  /** The last thing that can be undone is. */
  undoLast(): void {
    const last = this.list.findLast(({ undo }) => undo !== undefined);
    if (last === undefined) return;
    this.drop(last.id);
    void last.undo?.();
  }

  #add(notice: Omit<Notice, 'id'>, shownMs: number): number {
    const id = this.#nextId++;
    // One at a time: an older one would only be in the way.
    this.list = [...this.list.filter(({ isProblem }) => isProblem), { id, ...notice }];
    setTimeout(() => this.drop(id), shownMs);
    return id;
  }
}
