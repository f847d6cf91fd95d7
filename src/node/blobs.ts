/** Encrypted chunks of something larger (design, node: `blob`), named by the hash of their bytes and stored once. */
import { type CryptoSuite, equalBytes } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import { type Address, BODY_BYTES_MAX, EntryKind, type FeedId } from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { Submission } from './intake.ts';
import type { Journal } from './journal.ts';
import { blobKey } from './view-keys.ts';
import { decodeLocations } from './view-rows.ts';

export interface BlobsDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly journal: Journal;
  readonly feeds: ReadonlyMap<FeedId, FeedLog>;
}

export class Blobs {
  readonly #deps: BlobsDeps;

  constructor(deps: BlobsDeps) {
    this.#deps = deps;
  }

  /** Stores a chunk for `owner`; a chunk that is here already is a duplicate, whoever brought it. */
  async put(owner: Address, sha256: Uint8Array, body: Uint8Array): Promise<Submission> {
    const { journal, suite } = this.#deps;
    if (body.length > BODY_BYTES_MAX)
      return { status: 'too_large', detail: `a blob has at most ${BODY_BYTES_MAX} bytes` };
    if (body.length === 0 || !equalBytes(suite.sha256(body), sha256))
      return { status: 'rejected', detail: 'the blob is not the one that its name says' };
    return journal.write(async ({ views, append }): Promise<Submission> => {
      const row = await views.get(blobKey(sha256));
      const held = row === undefined ? undefined : decodeLocations(row)[0];
      if (held !== undefined) return { status: 'duplicate', ...held, receivedAt: 0 };
      const header = { kind: EntryKind.BLOB, accounts: [owner] };
      const [written] = await append([{ header, body, bodySha256: sha256 }]);
      return written === undefined ? { status: 'rejected', detail: 'nothing to write' } : { status: 'ok', ...written };
    });
  }

  async get(sha256: Uint8Array): Promise<Uint8Array | undefined> {
    const { feeds, store } = this.#deps;
    const row = await store.get(blobKey(sha256));
    for (const { feed, index } of row === undefined ? [] : decodeLocations(row)) {
      const body = await feeds.get(feed)?.getBlock(store, index + 1);
      if (body !== undefined) return body;
    }
    return undefined;
  }
}
