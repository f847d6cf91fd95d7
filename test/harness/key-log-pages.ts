/** A key log as its writer shows it, honest or not: pages and roots made of the blocks and the key alone. */
import type { CryptoSuite, KeyPair } from '../../src/base/index.ts';
import { growTree, rootHash } from '../../src/feed/index.ts';
import { encodeTreeRoots } from '../../src/key-log/index.ts';
import {
  encodeKeyRecord,
  KEY_LOG_PAGE_RECORDS_MAX,
  type KeyLogPage,
  type KeyRecord,
  type SignedRoot,
} from '../../src/protocol/index.ts';

export class WrittenLog {
  readonly keys: KeyPair;
  readonly blocks: Uint8Array[];
  readonly #suite: CryptoSuite;

  constructor(suite: CryptoSuite, keys: KeyPair, blocks: readonly Uint8Array[] = []) {
    this.#suite = suite;
    this.keys = keys;
    this.blocks = [...blocks];
  }

  log(...records: readonly KeyRecord[]): this {
    this.blocks.push(...records.map(encodeKeyRecord));
    return this;
  }

  /** The same key, another history from `length` on. */
  fork(length: number): WrittenLog {
    return new WrittenLog(this.#suite, this.keys, this.blocks.slice(0, length));
  }

  root(length: number): SignedRoot {
    const { roots } = growTree(this.#suite, [], this.blocks.slice(0, length));
    const hash = rootHash(this.#suite, roots);
    return { length, hash, signature: this.#suite.sign(hash, this.keys.secretKey), roots: encodeTreeRoots(roots) };
  }

  page(after: number, count = KEY_LOG_PAGE_RECORDS_MAX): KeyLogPage {
    const to = Math.min(this.blocks.length, after + count);
    return {
      keyLog: this.keys.publicKey,
      blocks: this.blocks.slice(after, to),
      disputed: [],
      ...(after > 0 && after <= to ? { base: this.root(after) } : {}),
      ...(to > 0 ? { root: this.root(to) } : {}),
    };
  }
}
