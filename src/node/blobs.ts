/**
 * Pieces of large attachments as clients bring and ask for them (docs/protocol/blobs.md). The chunk list comes first, so
 * that each chunk is one that somebody has announced and has room for; a piece that is here already is a duplicate, whoever
 * brought it. Whoever has a mail that names the list may have its pieces.
 */
import { type CryptoSuite, createBoundedCache, equalBytes, toHex } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import {
  type Address,
  type Attached,
  BODY_BYTES_MAX,
  CHUNK_TAG_BYTES,
  chunkNameIn,
  chunksIn,
  EntryKind,
  type FeedId,
  type HomeName,
  type Range,
  STORED_CHUNK_BYTES,
} from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { Accounts } from './accounts.ts';
import { findPiece, isComplete, isNamed, mayHave, piecesHeld } from './attachments.ts';
import type { Journal } from './journal.ts';
import { BLOBS_KEPT_MS, CHUNK_LISTS_CACHED_MAX, INTAKE_BYTES_MAX, UNNAMED_LISTS_MAX } from './limits.ts';
import { readableBlock } from './readable.ts';
import { FULL, type Submission } from './submission.ts';
import type { ViewBuffer } from './view-buffer.ts';
import { blobKey, chunkListsOf } from './view-keys.ts';
import { decodeChunkListRow, decodeLocations } from './view-rows.ts';

export interface BlobsDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly journal: Journal;
  readonly accounts: Accounts;
  readonly feeds: ReadonlyMap<FeedId, FeedLog>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Why this node takes nothing now; undefined: it does. */
  readonly refusal: () => Submission | undefined;
}

export interface BlobsOptions {
  readonly home: HomeName;
  readonly limits: { readonly quotaBytes: number };
}

/** One piece: number 0 is the chunk list itself. */
export interface Piece {
  /** SHA-256 of the chunk list. */
  readonly list: Uint8Array;
  readonly number: number;
  readonly body: Uint8Array;
}

export type PieceAnswer =
  | { readonly state: 'held'; readonly body: Uint8Array }
  /** `owed`: a mail of this account names it, and it has not come. `none`: no mail of this account names it. */
  | { readonly state: 'owed' | 'none' };

export class Blobs {
  readonly #deps: BlobsDeps;
  readonly #options: BlobsOptions;
  readonly #lists = createBoundedCache<string, Uint8Array>(CHUNK_LISTS_CACHED_MAX);
  /** Of pieces without a receipt. */
  #waitingBytes = 0;

  constructor(deps: BlobsDeps, options: BlobsOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Stores a piece that `owner` brings. */
  async put(owner: Address, piece: Piece): Promise<Submission> {
    return this.#put(owner, piece, true);
  }

  /** As `put`, of what another home's mail names: whether there is room for it was asked with the mail. */
  async take(owner: Address, piece: Piece): Promise<Submission> {
    return this.#put(owner, piece, false);
  }

  async #put(owner: Address, piece: Piece, isAnnounced: boolean): Promise<Submission> {
    const closed = this.#deps.refusal();
    if (closed !== undefined) return closed;
    if (piece.body.length > BODY_BYTES_MAX)
      return { status: 'too_large', detail: `a blob has at most ${BODY_BYTES_MAX} bytes` };
    if (this.#waitingBytes + piece.body.length > INTAKE_BYTES_MAX) return FULL;
    this.#waitingBytes += piece.body.length;
    try {
      return (await this.#judge(piece)) ?? (await this.#write(owner, piece, isAnnounced));
    } finally {
      this.#waitingBytes -= piece.body.length;
    }
  }

  async get(address: Address, list: Uint8Array, number: number): Promise<PieceAnswer> {
    const { feeds, store } = this.#deps;
    if (!(await mayHave(this.#deps, store, address, list))) return { state: 'none' };
    const place = await findPiece(this.#deps, store, list, number);
    const body = place && (await readableBlock(store, feeds.get(place.feed), place.index));
    return body === undefined ? { state: 'owed' } : { state: 'held', body };
  }

  /** Which pieces are here, so that whoever was interrupted brings the others. */
  async held(list: Uint8Array): Promise<readonly Range[]> {
    const ranges: Range[] = [];
    for await (const number of piecesHeld(this.#deps, this.#deps.store, list)) {
      const last = ranges.at(-1);
      if (last !== undefined && last.to === number - 1) last.to = number;
      else ranges.push({ from: number, to: number });
    }
    return ranges;
  }

  /** Whether everything that a mail names is here. */
  isComplete(views: ViewBuffer, attached: readonly Attached[]): Promise<boolean> {
    return isComplete(this.#deps, views, attached);
  }

  /** Undefined: it is what its name says. */
  async #judge({ body, list, number }: Piece): Promise<Submission | undefined> {
    const hash = this.#deps.suite.sha256(body);
    if (number === 0)
      return chunksIn(body) !== undefined && equalBytes(hash, list)
        ? undefined
        : { status: 'rejected', detail: 'not a chunk list, or not the one that its name says' };
    const known = await this.#list(list);
    if (known === undefined) return { status: 'rejected', detail: 'the chunk list comes before its chunks' };
    const name = chunkNameIn(known, number);
    if (name === undefined || !equalBytes(hash, name))
      return { status: 'rejected', detail: `not the chunk that the list names as number ${number}` };
    const isLast = number === chunksIn(known);
    const fits = isLast
      ? body.length > CHUNK_TAG_BYTES && body.length <= STORED_CHUNK_BYTES
      : body.length === STORED_CHUNK_BYTES;
    return fits
      ? undefined
      : { status: 'rejected', detail: `every chunk but the last has ${STORED_CHUNK_BYTES} bytes` };
  }

  async #write(owner: Address, { body, list, number }: Piece, isAnnounced: boolean): Promise<Submission> {
    const { feeds, journal } = this.#deps;
    return journal.write(async ({ views, append }): Promise<Submission> => {
      const row = await views.get(blobKey(list, number));
      const held = decodeLocations(row ?? EMPTY).find((place) =>
        isHeldOrComing(feeds.get(place.feed), place.index + 1),
      );
      if (held !== undefined) return { status: 'duplicate', ...held, receivedAt: 0 };
      if (number === 0 && isAnnounced && !(await this.#hasRoom(views, owner, body)))
        return { status: 'over_quota', detail: owner };
      const header = { kind: EntryKind.BLOB, accounts: [owner], list, number };
      const [written] = await append([{ header, body }]);
      return written === undefined ? { status: 'rejected', detail: 'nothing to write' } : { status: 'ok', ...written };
    });
  }

  /** Whether another attachment fits beside what the account holds and what it has announced and no mail names yet. */
  async #hasRoom(views: ViewBuffer, owner: Address, list: Uint8Array): Promise<boolean> {
    const { accounts, now } = this.#deps;
    const { quotaBytes = this.#options.limits.quotaBytes } = accounts.settingsOf(owner);
    let { bytes } = await accounts.heldBytes(views.transaction, owner);
    bytes += (chunksIn(list) ?? 0) * STORED_CHUNK_BYTES;
    let unnamed = 0;
    const oldest = (now() - BLOBS_KEPT_MS) * 1000;
    const rows = await views.range({ ...chunkListsOf(owner), limit: Number.MAX_SAFE_INTEGER });
    for (const { key, value } of rows) {
      const { chunkCount, receivedAt } = decodeChunkListRow(value);
      if (receivedAt < oldest || (await isNamed(views, key.slice(-32)))) continue;
      unnamed += 1;
      bytes += chunkCount * STORED_CHUNK_BYTES;
    }
    return unnamed < UNNAMED_LISTS_MAX && bytes <= quotaBytes;
  }

  async #list(list: Uint8Array): Promise<Uint8Array | undefined> {
    const { feeds, store } = this.#deps;
    const name = toHex(list);
    const place = await findPiece(this.#deps, store, list, 0);
    if (place === undefined) return undefined;
    const known = this.#lists.get(name) ?? (await readableBlock(store, feeds.get(place.feed), place.index));
    if (known !== undefined) this.#lists.set(name, known);
    return known;
  }
}

const EMPTY = new Uint8Array(0);

/** A block that is on disk, or in a transaction before this one, without which this one does not come to be either. */
function isHeldOrComing(log: FeedLog | undefined, index: number): boolean {
  return log !== undefined && (log.has(index) || (log.isWritable && index >= log.length));
}
