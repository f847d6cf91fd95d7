/**
 * Large attachments in the backup of an account: the pieces of each list, the list itself first, before the first mail that
 * names it; each a `Body` frame with its number as the request. A list is proven by the mail that names it, a chunk by its list.
 */
import { type CryptoSuite, equalBytes, fromHex, toHex } from '../base/index.ts';
import {
  type Address,
  type Attached,
  type Body,
  BodyState,
  chunkCountOf,
  chunkNameIn,
  chunksIn,
  type NodeMessage,
} from '../protocol/index.ts';
import type { Blobs } from './blobs.ts';
import { NodeError } from './node-error.ts';

/** What is here of these attachments. Those that were written before are left out, and noted. */
export async function* piecesOf(
  blobs: Pick<Blobs, 'get'>,
  address: Address,
  attached: readonly Attached[],
  written: Set<string>,
): AsyncGenerator<NodeMessage> {
  for (const { list, size } of attached) {
    if (written.has(list)) continue;
    written.add(list);
    const count = chunkCountOf(size) ?? 0;
    for (let number = 0; number <= count; number++) {
      const piece = await blobs.get(address, fromHex(list), number);
      if (piece.state === 'held') {
        const { body } = piece;
        yield { oneofKind: 'body', body: { request: number, state: BodyState.INLINE, body } };
      } else if (number === 0) break; // without their list, chunks are nobody's
    }
  }
}

/** The pieces as they come out of a backup, each held against its list. */
export class BackupPieces {
  readonly #suite: CryptoSuite;
  /** Pieces that were right, by list. */
  readonly #counts = new Map<string, number>();
  #list: { readonly name: Uint8Array; readonly bytes: Uint8Array } | undefined;

  constructor(suite: CryptoSuite) {
    this.#suite = suite;
  }

  /** The list that the piece belongs to; undefined when it is not what it should be. */
  take({ body, request: number }: Body): Uint8Array | undefined {
    const hash = this.#suite.sha256(body);
    if (number === 0) {
      if (chunksIn(body) === undefined) return undefined;
      this.#list = { name: hash, bytes: body };
    }
    if (this.#list === undefined) return undefined;
    const { bytes, name } = this.#list;
    const expected = number === 0 ? name : chunkNameIn(bytes, number);
    if (expected === undefined || !equalBytes(hash, expected)) return undefined;
    this.#counts.set(toHex(name), (this.#counts.get(toHex(name)) ?? 0) + 1);
    return name;
  }

  /** Whether everything of them was there. */
  hasAll(attached: readonly Attached[]): boolean {
    return attached.every(({ list, size }) => this.#counts.get(list) === (chunkCountOf(size) ?? 0) + 1);
  }
}

/** Gives a piece back to the account; what is here already stays. Throws NodeError `damaged`. */
export async function giveBackPiece(
  blobs: Pick<Blobs, 'take'>,
  address: Address,
  list: Uint8Array,
  { body, request: number }: Body,
): Promise<void> {
  const taken = await blobs.take(address, { list, number, body });
  if (taken.status === 'ok' || taken.status === 'pending' || taken.status === 'duplicate') return;
  throw new NodeError('damaged', `piece ${number} of an attachment is not taken: ${taken.status}`, {
    fix: 'Run the same command again; what was given back already stays.',
  });
}
