/** The chains of other homes as we saw them, in the store: what was once shown stays, and binds the home that showed it. */
import { type CryptoSuite, readUint64, uint64Bytes } from '../../base/index.ts';
import { type HomeDocument, type HomeName, parseHomeDocument } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { checkedKey, pinnedKey, pinnedVersions } from '../row-keys.ts';
import { HOME_VERSIONS_MAX } from './limits.ts';

export interface PinnedChain {
  readonly documents: readonly HomeDocument[];
  /** Wall-clock time at which it was last seen where it is published; 0 when never. */
  readonly checkedAt: number;
}

export class PinnedChains {
  readonly #suite: CryptoSuite;
  readonly #store: Store;

  constructor(suite: CryptoSuite, store: Store) {
    this.#suite = suite;
    this.#store = store;
  }

  async load(home: HomeName): Promise<PinnedChain> {
    const rows = await this.#store.range({ ...pinnedVersions(home), limit: HOME_VERSIONS_MAX });
    const checked = await this.#store.get(checkedKey(home));
    return {
      documents: rows.map((row) => parseHomeDocument(this.#suite, row.value)),
      checkedAt: checked === undefined ? 0 : readUint64(checked),
    };
  }

  /** Durable when it resolves. */
  async extend(home: HomeName, added: readonly HomeDocument[], checkedAt: number): Promise<void> {
    await this.#store.transact((transaction) => {
      for (const document of added) transaction.put(pinnedKey(home, document.version), document.signed.bytes);
      transaction.put(checkedKey(home), uint64Bytes(Math.floor(checkedAt)));
    });
  }

  async forget(home: HomeName): Promise<void> {
    const { from, to } = pinnedVersions(home);
    await this.#store.transact((transaction) => {
      transaction.deleteRange(from, to);
      transaction.delete(checkedKey(home));
    });
  }
}
