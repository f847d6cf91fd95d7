/**
 * Letters on disk. Taken once by the id that its client chose; what an attempt brought is there before anybody hears of it; a
 * text goes with the attempt that ends its letter. The store is asked for each time, since a node may be opened anew.
 */
import { readUint64, type SecureRandom, uint64Bytes } from '../../base/index.ts';
import type { Address, DeliveryReport, PduId } from '../../protocol/index.ts';
import type { Store, StoreReader, StoreTransaction } from '../../store/index.ts';
import type { Judged } from './judging.ts';
import { createLetter, decodeLetter, encodeLetter, isOver, type Letter, type NewLetter, reportOf } from './letter.ts';
import { PAGE_ROWS, TOLD_MS, TOLD_PER_ACCOUNT_MAX, WAITING_PER_ACCOUNT_MAX } from './limits.ts';
import { authorKey, idKey, LETTERS, letterKey, lettersOf, pieceKey, piecesOf } from './row-keys.ts';
import { TextSeal } from './text-seal.ts';

export interface LetterStoreDeps {
  readonly random: SecureRandom;
  readonly store: () => Store;
}

export type Added = { readonly status: 'added'; readonly letter: Letter } | { readonly status: 'duplicate' };

/** How much of an account waits. */
export interface Load {
  readonly letters: number;
  readonly bytes: number;
}

export class LetterStore {
  readonly #deps: LetterStoreDeps;
  readonly #seal: TextSeal;

  constructor(deps: LetterStoreDeps, options: { readonly key: Uint8Array }) {
    this.#deps = deps;
    this.#seal = new TextSeal(deps, options.key);
  }

  async has(author: Address, id: PduId): Promise<boolean> {
    return (await this.#deps.store().get(idKey(author, id))) !== undefined;
  }

  /** On disk when it resolves. */
  add(letter: NewLetter, text: Uint8Array): Promise<Added> {
    return this.#deps.store().transact(async (transaction) => {
      const { author, id } = letter;
      if ((await transaction.get(idKey(author, id))) !== undefined) return { status: 'duplicate' };
      const [last] = await transaction.range({ ...LETTERS, limit: 1, reverse: true });
      const number = last === undefined ? 1 : readUint64(last.key, last.key.length - 8) + 1;
      const pieces = this.#seal.seal(number, text);
      const row = createLetter(number, pieces.length, letter);
      for (const [piece, bytes] of pieces.entries()) transaction.put(pieceKey(number, piece), bytes);
      transaction.put(letterKey(number), encodeLetter(row));
      transaction.put(idKey(author, id), uint64Bytes(number));
      transaction.put(authorKey(author, number), new Uint8Array(0));
      await this.#forgetOld(transaction, author, letter.acceptedAt);
      return { status: 'added', letter: row };
    });
  }

  async find(number: number): Promise<Letter | undefined> {
    const row = await this.#deps.store().get(letterKey(number));
    return row === undefined ? undefined : decodeLetter(row);
  }

  /** Undefined: it cannot be opened any more. */
  async text({ number, pieces }: Letter): Promise<Uint8Array | undefined> {
    const keys = Array.from({ length: pieces }, (_, piece) => pieceKey(number, piece));
    const found = (await this.#deps.store().getMany(keys)).filter((piece) => piece !== undefined);
    return found.length < pieces ? undefined : this.#seal.open(number, found);
  }

  /** What `judge` makes of the letter as it is now: another of its parties may have changed meanwhile. */
  settle(number: number, judge: (letter: Letter) => Judged): Promise<Judged | undefined> {
    return this.#deps.store().transact(async (transaction) => {
      const row = await transaction.get(letterKey(number));
      if (row === undefined) return undefined;
      const judged = judge(decodeLetter(row));
      transaction.put(letterKey(number), encodeLetter(judged.letter));
      if (isOver(judged.letter)) {
        const { from, to } = piecesOf(number);
        transaction.deleteRange(from, to);
      }
      return judged;
    });
  }

  /** Those that are not over, in order. */
  async *waiting(): AsyncGenerator<Letter> {
    for (let { from } = LETTERS; ; ) {
      const rows = await this.#deps.store().range({ from, to: LETTERS.to, limit: PAGE_ROWS });
      for (const { value } of rows) {
        const letter = decodeLetter(value);
        if (!isOver(letter)) yield letter;
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) return;
      from = letterKey(readUint64(last.key, last.key.length - 8) + 1);
    }
  }

  /** What an author is told, newest first. */
  async reportsOf(author: Address, now: number): Promise<readonly DeliveryReport[]> {
    const letters = await lettersBy(this.#deps.store(), author);
    return letters
      .flatMap((letter) => letter.parties.flatMap(({ people }) => people.map((one) => reportOf(letter, one))))
      .filter((report) => report !== undefined && now - report.at < TOLD_MS)
      .filter((report) => report !== undefined)
      .sort((a, b) => b.at - a.at)
      .slice(0, TOLD_PER_ACCOUNT_MAX);
  }

  async loadOf(author: Address): Promise<Load> {
    const waiting = (await lettersBy(this.#deps.store(), author)).filter((letter) => !isOver(letter));
    return { letters: waiting.length, bytes: waiting.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  }

  /** Of what is over, the oldest of an author; that it was taken stays known. */
  async #forgetOld(transaction: StoreTransaction, author: Address, now: number): Promise<void> {
    const over = (await lettersBy(transaction, author)).filter(isOver);
    const old = over.filter(({ acceptedAt }, index) => index >= TOLD_PER_ACCOUNT_MAX || now - acceptedAt >= TOLD_MS);
    for (const { number } of old) {
      transaction.delete(letterKey(number));
      transaction.delete(authorKey(author, number));
    }
  }
}

/** Newest first. */
async function lettersBy(reader: StoreReader, author: Address): Promise<readonly Letter[]> {
  const limit = WAITING_PER_ACCOUNT_MAX + TOLD_PER_ACCOUNT_MAX;
  const rows = await reader.range({ ...lettersOf(author), limit, reverse: true });
  const numbers = rows.map(({ key }) => readUint64(key, key.length - 8));
  const letters = await reader.getMany(numbers.map(letterKey));
  return letters.filter((row) => row !== undefined).map(decodeLetter);
}
