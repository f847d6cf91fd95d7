/**
 * The header blocks of a feed, one after the other, read ahead: most entries have a body, so every other block is a header as a
 * rule. While that holds the next read brings twice as many; a guess that was wrong costs what it read, never a wrong block, and
 * a body that the disk cannot read keeps no header back.
 */
import { type FeedLog, isDamage } from '../feed/index.ts';
import type { StoreReader } from '../store/index.ts';
import { HEADERS_AHEAD_MAX } from './limits.ts';

/** A header and its body. */
const STRIDE = 2;

export class HeaderBlocks {
  readonly #log: Pick<FeedLog, 'getBlocks'>;
  readonly #reader: StoreReader;
  #ahead = new Map<number, Uint8Array | undefined>();
  #count = 1;

  constructor(log: Pick<FeedLog, 'getBlocks'>, reader: StoreReader) {
    this.#log = log;
    this.#reader = reader;
  }

  /** Whoever asks knows that a header is there, from the header before; undefined: it is not here. */
  async read(index: number): Promise<Uint8Array | undefined> {
    if (!this.#ahead.has(index)) await this.#readFrom(index);
    return this.#ahead.get(index);
  }

  async #readFrom(index: number): Promise<void> {
    const wasRight = this.#ahead.has(index - STRIDE);
    this.#count = wasRight ? Math.min(HEADERS_AHEAD_MAX, 2 * this.#count) : 1;
    try {
      await this.#readCount(index);
    } catch (error) {
      if (!isDamage(error) || this.#count === 1) throw error;
      this.#count = 1;
      await this.#readCount(index);
    }
  }

  async #readCount(index: number): Promise<void> {
    const indexes = Array.from({ length: this.#count }, (_, i) => index + STRIDE * i);
    const blocks = await this.#log.getBlocks(this.#reader, indexes);
    this.#ahead = new Map(indexes.map((at, i) => [at, blocks[i]]));
  }
}
