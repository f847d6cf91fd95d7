/**
 * Letters that the hub has not taken yet, in the browser's store: they outlive a closed window and a lost network. They are
 * gone from here as soon as the hub has them.
 */
import type { LetterContent } from './letter.svelte.ts';

const PREFIX = 'restante.letter.';

export class KeptLetters {
  readonly #prefix: string;

  constructor(own: string) {
    this.#prefix = `${PREFIX}${own}.`;
  }

  keep(content: LetterContent): void {
    localStorage.setItem(this.#prefix + content.key, JSON.stringify(content));
  }

  drop(key: string): void {
    localStorage.removeItem(this.#prefix + key);
  }

  all(): readonly LetterContent[] {
    return Object.keys(localStorage)
      .filter((name) => name.startsWith(this.#prefix))
      .map((name) => JSON.parse(localStorage.getItem(name) ?? '') as LetterContent);
  }
}
