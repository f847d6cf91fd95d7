/**
 * Brings the pieces of a large attachment to a node: asks which it has, sends the others, a few at once. The same attachment
 * in several mails goes once, however many of them wait.
 */
import { fromHex } from '../../base/index.ts';
import {
  type Attached,
  chunkCountOf,
  lastChunkSize,
  type Range,
  type Receipt,
  ReceiptStatus,
  STORED_CHUNK_BYTES,
} from '../../protocol/index.ts';
import type { NodeConnection } from '../connection/index.ts';
import { PIECE_REQUEST_MS, UPLOADS_IN_FLIGHT } from '../limits.ts';
import type { Staging } from './staging.ts';

export interface UploaderDeps {
  readonly staging: Pick<Staging, 'load'>;
  /** Bytes of chunks that the node has. */
  readonly onProgress: (attached: Attached, done: number) => void;
}

/** A piece that the node does not take, with its receipt. */
type Refusal = Receipt | undefined;

export class Uploader {
  readonly #deps: UploaderDeps;
  readonly #underWay = new Map<string, { readonly connection: NodeConnection; readonly refusal: Promise<Refusal> }>();

  constructor(deps: UploaderDeps) {
    this.#deps = deps;
  }

  /** Undefined when the node has every piece, else why it does not take one. Throws ConnectionError, or ClientError `corrupt_store`. */
  async upload(connection: NodeConnection, attached: Attached): Promise<Refusal> {
    const { list } = attached;
    const twin = this.#underWay.get(list);
    if (twin?.connection === connection) return twin.refusal;
    const refusal = this.#upload(connection, attached);
    this.#underWay.set(list, { connection, refusal });
    try {
      return await refusal;
    } finally {
      if (this.#underWay.get(list)?.refusal === refusal) this.#underWay.delete(list);
    }
  }

  async #upload(connection: NodeConnection, attached: Attached): Promise<Refusal> {
    const list = fromHex(attached.list);
    const { blobs } = await connection.request('blobs', (request) => ({
      oneofKind: 'askBlobs',
      askBlobs: { request, list },
    }));
    const count = chunkCountOf(attached.size) ?? 0;
    const held = heldOf(blobs.held, count);
    const chunkList = await this.#deps.staging.load(attached.list, 0);
    const put = async (number: number, body: Uint8Array): Promise<Refusal> => {
      const { receipt } = await connection.request(
        'receipt',
        (request) => ({ oneofKind: 'putBlob', putBlob: { request, list, number, body } }),
        { deadlineMs: PIECE_REQUEST_MS },
      );
      return receipt.status === ReceiptStatus.OK || receipt.status === ReceiptStatus.DUPLICATE ? undefined : receipt;
    };
    // Announced first: without its list a chunk is nobody's.
    const refused = held[0] === 1 ? undefined : await put(0, chunkList);
    if (refused !== undefined) return refused;
    return this.#putChunks(attached, held, put);
  }

  /** `held` says of each piece whether the node has it. */
  async #putChunks(
    attached: Attached,
    held: Uint8Array,
    put: (number: number, body: Uint8Array) => Promise<Refusal>,
  ): Promise<Refusal> {
    const last = held.length - 1;
    let next = 1;
    let done = 0;
    let refusal: Refusal;
    const work = async (): Promise<void> => {
      for (let number = next++; number <= last && refusal === undefined; number = next++) {
        if (held[number] !== 1) refusal ??= await put(number, await this.#deps.staging.load(attached.list, number));
        done += number === last ? lastChunkSize(attached.size) : STORED_CHUNK_BYTES;
        if (refusal === undefined) this.#deps.onProgress(attached, done);
      }
    };
    await Promise.all(Array.from({ length: UPLOADS_IN_FLIGHT }, work));
    return refusal;
  }
}

/** 1 for each piece that the node says it has. What it says may be anything. */
function heldOf(ranges: readonly Range[], count: number): Uint8Array {
  const held = new Uint8Array(count + 1);
  for (const { from, to } of ranges) held.fill(1, from, Math.min(to, count) + 1);
  return held;
}
