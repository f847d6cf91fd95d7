/**
 * Letters that the hub does not have yet, kept in the browser, sealed: they outlive a closed window and a lost network, with
 * what is attached to them. Gone from here as soon as the hub has them. A letter belongs to one window at a time, the one that
 * holds the claim to it; a window that is closed lets go.
 */
import type { Attachment, LetterContent } from './letter.svelte.ts';
import { SealedRecords } from './sealed-records.ts';

/** Sealed in one piece, in memory: what is larger is safe only when the hub has it. */
export const FILE_KEPT_BYTES_MAX = 50_000_000;

const letterName = (key: string): string => `letter ${key}`;
const fileName = (letterKey: string, { key }: { readonly key: string }): string => `file ${letterKey} ${key}`;

export class KeptLetters {
  readonly #own: string;
  readonly #records: SealedRecords;
  /** By key: how to let go. */
  readonly #claims = new Map<string, () => void>();
  /** What is kept and dropped comes to the disk in the order in which it was said. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(own: string) {
    this.#own = own;
    this.#records = new SealedRecords(`restante-letters ${own}`);
  }

  /** What is kept is this window's until it lets go. */
  keep(content: LetterContent): Promise<void> {
    return this.#inOrder(async () => {
      await this.claim(content.key);
      await this.#records.putJson(letterName(content.key), content);
    });
  }

  get(key: string): Promise<LetterContent | undefined> {
    return this.#inOrder(() => this.#records.getJson<LetterContent>(letterName(key)));
  }

  /** The oldest first. */
  all(): Promise<readonly LetterContent[]> {
    return this.#inOrder(async () => {
      const names = await this.#records.names();
      const letters = names.filter((name) => name.startsWith(letterName('')));
      const contents = await Promise.all(letters.map((name) => this.#records.getJson<LetterContent>(name)));
      return contents.filter((content) => content !== undefined);
    });
  }

  /** False when it is too large to be kept. */
  async keepFile(letterKey: string, attachment: { readonly key: string }, file: Blob): Promise<boolean> {
    if (file.size > FILE_KEPT_BYTES_MAX) return false;
    await this.#records.put(fileName(letterKey, attachment), new Uint8Array(await file.arrayBuffer()));
    return true;
  }

  async file(letterKey: string, attachment: Attachment): Promise<File | undefined> {
    const bytes = await this.#records.get(fileName(letterKey, attachment));
    return bytes === undefined ? undefined : new File([bytes], attachment.name, { type: attachment.type });
  }

  /** With its files, and the claim to it. */
  async drop(key: string): Promise<void> {
    await this.#inOrder(async () => {
      const names = await this.#records.names();
      await this.#records.delete(names.filter((name) => name === letterName(key) || name.startsWith(`file ${key} `)));
    });
    this.release(key);
  }

  /** False when another window has it. */
  claim(key: string): Promise<boolean> {
    if (this.#claims.has(key)) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      navigator.locks
        .request(`restante-letter ${this.#own} ${key}`, { ifAvailable: true }, (lock) => {
          resolve(lock !== null);
          if (lock === null) return undefined;
          return new Promise<void>((release) => this.#claims.set(key, release));
        })
        .catch(reject);
    });
  }

  release(key: string): void {
    this.#claims.get(key)?.();
    this.#claims.delete(key);
  }

  /** Nothing is kept after this. */
  async destroy(): Promise<void> {
    await this.#records.destroy();
    for (const key of this.#claims.keys()) this.release(key);
  }

  #inOrder<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    // Whoever asked for it hears of a failure; the next one does not.
    this.#last = result.catch(() => undefined);
    return result;
  }
}
