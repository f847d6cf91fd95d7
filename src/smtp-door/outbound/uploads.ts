/**
 * Texts that come in pieces, one after the other, and are no letters yet: each piece is sealed and on disk before the next is
 * asked for, so a client that was cut off goes on where it was. What nobody goes on with is removed.
 */
import { type SecureRandom, toHex } from '../../base/index.ts';
import type { Address, PduId } from '../../protocol/index.ts';
import type { Store, StoreReader, StoreTransaction } from '../../store/index.ts';
import { PAGE_ROWS, WAITING_PER_ACCOUNT_MAX } from './limits.ts';
import { pieceKey, piecesOf, placeOf, UPLOADS, uploadKey, uploadsOf } from './row-keys.ts';
import type { TextSeal } from './text-seal.ts';
import { decodeUpload, encodeUpload, isGivenUp, isWhole, pieceBytes, type Upload } from './upload.ts';

export interface UploadsDeps {
  readonly random: SecureRandom;
  readonly store: () => Store;
  readonly seal: TextSeal;
}

export interface Piece {
  readonly author: Address;
  readonly id: PduId;
  /** 1, 2, 3 … */
  readonly number: number;
  readonly bytes: Uint8Array;
}

export type PieceTaken =
  /** On disk. */
  | { readonly status: 'ok' | 'duplicate' }
  /** Another one is next. */
  | { readonly status: 'wanted'; readonly number: number }
  | { readonly status: 'wrong_size'; readonly bytes: number }
  /** No such text is awaited: it is a letter already, or was given up. */
  | { readonly status: 'unknown' };

const NAME_BYTES = 16;

export class Uploads {
  readonly #deps: UploadsDeps;

  constructor(deps: UploadsDeps) {
    this.#deps = deps;
  }

  /** What is here of a text of that size, which is awaited from now on. On disk when it resolves. */
  offer(author: Address, id: PduId, sizeBytes: number, now: number): Promise<Upload> {
    return this.#deps.store().transact(async (transaction) => {
      const row = await transaction.get(uploadKey(author, id));
      const here = row === undefined ? undefined : decodeUpload(row);
      if (here?.sizeBytes === sizeBytes) return here;
      if (here !== undefined) drop(transaction, here);
      const upload = { name: toHex(this.#deps.random.bytes(NAME_BYTES)), sizeBytes, held: 0, at: now };
      transaction.put(uploadKey(author, id), encodeUpload(upload));
      return upload;
    });
  }

  take({ author, bytes, id, number }: Piece, now: number): Promise<PieceTaken> {
    return this.#deps.store().transact(async (transaction): Promise<PieceTaken> => {
      const row = await transaction.get(uploadKey(author, id));
      if (row === undefined) return { status: 'unknown' };
      const upload = decodeUpload(row);
      if (number >= 1 && number <= upload.held) return { status: 'duplicate' };
      if (isWhole(upload)) return { status: 'unknown' };
      if (number !== upload.held + 1) return { status: 'wanted', number: upload.held + 1 };
      const expected = pieceBytes(upload, number);
      if (bytes.length !== expected) return { status: 'wrong_size', bytes: expected };
      transaction.put(pieceKey(upload.name, number - 1), this.#deps.seal.seal(placeOf(upload.name, number - 1), bytes));
      transaction.put(uploadKey(author, id), encodeUpload({ ...upload, held: number, at: now }));
      return { status: 'ok' };
    });
  }

  /** Undefined: it cannot be opened any more. */
  async firstPiece({ name }: Upload): Promise<Uint8Array | undefined> {
    const piece = await this.#deps.store().get(pieceKey(name, 0));
    return piece === undefined ? undefined : this.#deps.seal.open(placeOf(name, 0), piece);
  }

  /** What is awaited of an account, but for the text of that id. */
  async loadOf(author: Address, id: PduId): Promise<{ readonly letters: number; readonly bytes: number }> {
    const own = toHex(uploadKey(author, id));
    const rows = await this.#deps.store().range({ ...uploadsOf(author), limit: WAITING_PER_ACCOUNT_MAX });
    const others = rows.filter(({ key }) => toHex(key) !== own).map(({ value }) => decodeUpload(value));
    return { letters: others.length, bytes: others.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  }

  /** It will not become a letter. */
  forget(author: Address, id: PduId): Promise<void> {
    return this.#deps.store().transact(async (transaction) => {
      const upload = await findUpload(transaction, author, id);
      if (upload === undefined) return;
      drop(transaction, upload);
      transaction.delete(uploadKey(author, id));
    });
  }

  /** Removes what was given up. */
  async sweep(now: number): Promise<void> {
    for (let { from } = UPLOADS; ; ) {
      const rows = await this.#deps.store().range({ from, to: UPLOADS.to, limit: PAGE_ROWS });
      for (const { key, value } of rows) if (isGivenUp(decodeUpload(value), now)) await this.#giveUp(key, now);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) return;
      from = Uint8Array.of(...last.key, 0);
    }
  }

  #giveUp(key: Uint8Array, now: number): Promise<void> {
    return this.#deps.store().transact(async (transaction) => {
      const row = await transaction.get(key);
      // A piece may have come meanwhile.
      if (row === undefined || !isGivenUp(decodeUpload(row), now)) return;
      drop(transaction, decodeUpload(row));
      transaction.delete(key);
    });
  }
}

export async function findUpload(reader: StoreReader, author: Address, id: PduId): Promise<Upload | undefined> {
  const row = await reader.get(uploadKey(author, id));
  return row === undefined ? undefined : decodeUpload(row);
}

function drop(transaction: StoreTransaction, { name }: Upload): void {
  const { from, to } = piecesOf(name);
  transaction.deleteRange(from, to);
}
