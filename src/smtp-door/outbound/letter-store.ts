/**
 * Letters on disk. Taken once by the id that its client chose; what an attempt brought is there before anybody hears of it; a
 * text goes with the attempt that ends its letter. A text is written and read a piece at a time, and nobody holds all of a large
 * one. The store is asked for each time, since a node may be opened anew.
 */
import { CodedError, readUint64, type SecureRandom, uint64Bytes } from '../../base/index.ts';
import { type Address, type DeliveryReport, encodeReport, type PduId } from '../../protocol/index.ts';
import type { Store, StoreReader, StoreTransaction } from '../../store/index.ts';
import type { Judged } from './judging.ts';
import { createLetter, decodeLetter, encodeLetter, isOver, type Letter, type NewLetter, reportOf } from './letter.ts';
import { crlfLines } from './letter-text.ts';
import {
  PAGE_ROWS,
  PIECE_BYTES,
  TOLD_BYTES_MAX,
  TOLD_MS,
  TOLD_PER_ACCOUNT_MAX,
  TOLD_REPORTS_MAX,
  WAITING_PER_ACCOUNT_MAX,
} from './limits.ts';
import { authorKey, idKey, LETTERS, letterKey, lettersOf, pieceKey, piecesOf, placeOf, uploadKey } from './row-keys.ts';
import { TextSeal } from './text-seal.ts';
import type { Upload } from './upload.ts';
import { findUpload, Uploads } from './uploads.ts';

export interface LetterStoreDeps {
  readonly random: SecureRandom;
  readonly store: () => Store;
}

export type Added = { readonly status: 'added'; readonly letter: Letter } | { readonly status: 'duplicate' };
export type AddedUpload = Added | { readonly status: 'gone' };

/** The text of a letter cannot be opened any more: the home was restored, or what is on its disk is damaged. */
export class LetterError extends CodedError<'text_lost'> {}

/** What is told first when there is too much. */
const WORTH = { delivered: 0, delayed: 1, refused: 2 } as const;

/** How much of an account waits. */
export interface Load {
  readonly letters: number;
  readonly bytes: number;
}

export class LetterStore {
  readonly uploads: Uploads;
  readonly #deps: LetterStoreDeps;
  readonly #seal: TextSeal;

  constructor(deps: LetterStoreDeps, options: { readonly key: Uint8Array }) {
    this.#deps = deps;
    this.#seal = new TextSeal(deps, options.key);
    this.uploads = new Uploads({ ...deps, seal: this.#seal });
  }

  async has(author: Address, id: PduId): Promise<boolean> {
    return (await this.#deps.store().get(idKey(author, id))) !== undefined;
  }

  /** On disk when it resolves. */
  add(letter: NewLetter, text: Uint8Array): Promise<Added> {
    return this.#deps.store().transact(async (transaction): Promise<Added> => {
      const { author, id } = letter;
      if ((await transaction.get(idKey(author, id))) !== undefined) return { status: 'duplicate' };
      const number = await nextNumber(transaction);
      const pieces = Math.max(1, Math.ceil(text.length / PIECE_BYTES));
      for (let piece = 0; piece < pieces; piece++) {
        const bytes = text.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
        transaction.put(pieceKey(number, piece), this.#seal.seal(placeOf(number, piece), bytes));
      }
      return { status: 'added', letter: await this.#insert(transaction, createLetter(number, pieces, letter)) };
    });
  }

  /** Of an upload that is whole. `first`: its first piece as it leaves. `gone`: it was given up meanwhile. */
  addUploaded(letter: NewLetter, { held, name }: Upload, first: Uint8Array): Promise<AddedUpload> {
    return this.#deps.store().transact(async (transaction): Promise<AddedUpload> => {
      const { author, id } = letter;
      if ((await transaction.get(idKey(author, id))) !== undefined) return { status: 'duplicate' };
      if ((await findUpload(transaction, author, id))?.name !== name) return { status: 'gone' };
      transaction.put(pieceKey(name, 0), this.#seal.seal(placeOf(name, 0), first));
      transaction.delete(uploadKey(author, id));
      const row = { ...createLetter(await nextNumber(transaction), held, letter), upload: name };
      return { status: 'added', letter: await this.#insert(transaction, row) };
    });
  }

  async #insert(transaction: StoreTransaction, letter: Letter): Promise<Letter> {
    const { acceptedAt, author, id, number } = letter;
    transaction.put(letterKey(number), encodeLetter(letter));
    transaction.put(idKey(author, id), uint64Bytes(number));
    transaction.put(authorKey(author, number), new Uint8Array(0));
    await this.#forgetOld(transaction, author, acceptedAt);
    return letter;
  }

  async find(number: number): Promise<Letter | undefined> {
    const row = await this.#deps.store().get(letterKey(number));
    return row === undefined ? undefined : decodeLetter(row);
  }

  /** As it leaves, a piece at a time. Throws LetterError `text_lost`. */
  text(letter: Letter): AsyncIterable<Uint8Array> {
    return crlfLines(this.#pieces(letter));
  }

  async *#pieces({ number, pieces, upload }: Letter): AsyncGenerator<Uint8Array> {
    const name = upload ?? number;
    for (let piece = 0; piece < pieces; piece++) {
      const sealed = await this.#deps.store().get(pieceKey(name, piece));
      const opened = sealed === undefined ? undefined : this.#seal.open(placeOf(name, piece), sealed);
      if (opened === undefined) throw new LetterError('text_lost', `piece ${piece} of letter ${number} does not open`);
      yield opened;
    }
  }

  /** What `judge` makes of the letter as it is now: another of its parties may have changed meanwhile. */
  settle(number: number, judge: (letter: Letter) => Judged): Promise<Judged | undefined> {
    return this.#deps.store().transact(async (transaction) => {
      const row = await transaction.get(letterKey(number));
      if (row === undefined) return undefined;
      const judged = judge(decodeLetter(row));
      transaction.put(letterKey(number), encodeLetter(judged.letter));
      if (isOver(judged.letter)) {
        const { from, to } = piecesOf(judged.letter.upload ?? number);
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

  /** What an author is told, newest first; of too much, what was refused rather than what was delivered. */
  async reportsOf(author: Address, now: number): Promise<readonly DeliveryReport[]> {
    const letters = await lettersBy(this.#deps.store(), author);
    const byWorth = letters
      .flatMap((letter) => letter.parties.flatMap(({ people }) => people.map((one) => reportOf(letter, one))))
      .filter((report) => report !== undefined)
      .filter(({ at }) => now - at < TOLD_MS)
      .sort((a, b) => WORTH[b.status] - WORTH[a.status] || b.at - a.at)
      .slice(0, TOLD_REPORTS_MAX);
    let bytes = 0;
    const told = byWorth.filter((report) => {
      bytes += encodeReport(report).length;
      return bytes <= TOLD_BYTES_MAX;
    });
    return told.sort((a, b) => b.at - a.at);
  }

  /** What waits of an account, and what is on its way here, but for the letter of that id. */
  async loadOf(author: Address, id: PduId): Promise<Load> {
    const waiting = (await lettersBy(this.#deps.store(), author)).filter((letter) => !isOver(letter));
    const { bytes, letters } = await this.uploads.loadOf(author, id);
    return {
      letters: letters + waiting.length,
      bytes: waiting.reduce((sum, { sizeBytes }) => sum + sizeBytes, bytes),
    };
  }

  /** Of what is over, the oldest of an author, and before that what all have; that it was taken stays known. */
  async #forgetOld(transaction: StoreTransaction, author: Address, now: number): Promise<void> {
    const over = (await lettersBy(transaction, author)).filter(isOver);
    const byWorth = [...over.filter(isToldRefused), ...over.filter((letter) => !isToldRefused(letter))];
    const old = byWorth.filter(({ acceptedAt }, index) => index >= TOLD_PER_ACCOUNT_MAX || now - acceptedAt >= TOLD_MS);
    for (const { number } of old) {
      transaction.delete(letterKey(number));
      transaction.delete(authorKey(author, number));
    }
  }
}

function isToldRefused({ parties, returnsNothing }: Letter): boolean {
  return !returnsNothing && parties.some(({ people }) => people.some(({ state }) => state === 'refused'));
}

async function nextNumber(transaction: StoreTransaction): Promise<number> {
  const [last] = await transaction.range({ ...LETTERS, limit: 1, reverse: true });
  return last === undefined ? 1 : readUint64(last.key, last.key.length - 8) + 1;
}

/** Newest first. */
async function lettersBy(reader: StoreReader, author: Address): Promise<readonly Letter[]> {
  const limit = WAITING_PER_ACCOUNT_MAX + TOLD_PER_ACCOUNT_MAX;
  const rows = await reader.range({ ...lettersOf(author), limit, reverse: true });
  const numbers = rows.map(({ key }) => readUint64(key, key.length - 8));
  const letters = await reader.getMany(numbers.map(letterKey));
  return letters.filter((row) => row !== undefined).map(decodeLetter);
}
