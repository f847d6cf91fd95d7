/** What must not be and was: each kind with its first examples. */
import { LISTED_MAX } from './limits.ts';

export class Breaches {
  readonly #onBreach: (what: string) => void;
  readonly #found: string[] = [];
  #count = 0;

  constructor(onBreach: (what: string) => void) {
    this.#onBreach = onBreach;
  }

  add(what: string): void {
    this.#count += 1;
    if (this.#found.length >= LISTED_MAX) return;
    this.#found.push(what);
    this.#onBreach(what);
  }

  /** None of `things` may be. */
  none(what: string, things: readonly unknown[]): void {
    if (things.length > 0) this.add(`${what}: ${things.length}, ${sample(things)}`);
  }

  get count(): number {
    return this.#count;
  }

  get list(): readonly string[] {
    return this.#found;
  }
}

function sample(things: readonly unknown[]): string {
  const shown = things.slice(0, 3).map((thing) => (typeof thing === 'string' ? thing : JSON.stringify(thing)));
  return `such as ${shown.join('; ')}`;
}
