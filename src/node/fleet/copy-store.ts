/** Where the synchronizer's blocks go: through the journal, which folds them in the transaction that stores them. */
import type { Acceptance, BlockClaim, FeedLog, FeedStore } from '../../feed/index.ts';
import { decodeEntryHeader, EntryKind, ProtocolError } from '../../protocol/index.ts';
import { type Store, StoreError, type StoreReader } from '../../store/index.ts';
import type { Journal } from '../journal.ts';
import type { Room } from '../room.ts';

export interface CopyStoreDeps {
  readonly store: Store;
  readonly journal: Journal;
  /** Nothing that names a key is shown before the log of keys here names it. */
  readonly followKeyLog: () => Promise<void>;
  readonly room: Pick<Room, 'isLow'>;
}

export class CopyStore implements FeedStore {
  readonly #deps: CopyStoreDeps;

  constructor(deps: CopyStoreDeps) {
    this.#deps = deps;
  }

  readerOf(): StoreReader {
    return this.#deps.store;
  }

  async accept(log: FeedLog, claims: readonly BlockClaim[]): Promise<readonly Acceptance[]> {
    const { followKeyLog, journal, room } = this.#deps;
    // The synchronizer keeps off for a while, and asks again.
    if (log.isReplica && room.isLow)
      throw new StoreError('disk_full', 'the disk here is nearly full', { retry: 'later' });
    if (log.isReplica && claims.some(({ block }) => block !== undefined && namesKeys(block))) await followKeyLog();
    return journal.accept(log, claims);
  }

  /** A copy's blocks come one after the other, and each brings what the next leans on. */
  async prepare(): Promise<void> {}
}

/** `version` is the first field of a header: bodies, which are large, seldom begin like it. */
const VERSION_FIELD = 0x08;

/** Whether a block is a header of an account's or the home's document. A body may look like one, which costs a question. */
function namesKeys(block: Uint8Array): boolean {
  if (block[0] !== VERSION_FIELD) return false;
  try {
    const { kind } = decodeEntryHeader(block);
    return kind === EntryKind.ACCOUNT || kind === EntryKind.KEY;
  } catch (error) {
    if (error instanceof ProtocolError) return false; // a body
    throw error;
  }
}
