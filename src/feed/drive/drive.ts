/**
 * A drive: files in two feeds, as hyperdrive 9 keeps them. The metadata feed is a log of puts and deletes whose fold is the
 * drive; the content feed has the files' bytes. Readers here fold all entries; the index inside them is for others.
 */
import { invariant } from '../../base/index.ts';
import type { StoreReader, StoreTransaction } from '../../store/index.ts';
import { FeedError } from '../feed-error.ts';
import type { FeedLog } from '../feed-log.ts';
import {
  type DriveStat,
  decodeDriveIndex,
  decodeDriveNode,
  encodeDriveIndex,
  encodeDriveNode,
  splitName,
} from './drive-message.ts';
import { METADATA_READ_BLOCKS } from './limits.ts';
import { PathIndex } from './path-index.ts';

export interface DriveFeeds {
  readonly metadata: FeedLog;
  readonly content: FeedLog;
}

/** Of a metadata feed, the public key of its content feed. Throws FeedError `not_found` while its first block is not here. */
export async function contentKeyOf(reader: StoreReader, metadata: FeedLog): Promise<Uint8Array> {
  const block = await metadata.getBlock(reader, 0);
  const key = block === undefined ? undefined : decodeDriveIndex(block);
  if (key === undefined)
    throw new FeedError('not_found', `feed ${metadata.id} is not a drive, or its first block is not here`);
  return key;
}

export interface DriveChange {
  /** As `/folder/file`. */
  readonly name: string;
  /** undefined: it is deleted. */
  readonly stat: DriveStat | undefined;
}

export class Drive {
  readonly #feeds: DriveFeeds;
  readonly #index = new PathIndex();
  readonly #files = new Map<string, DriveStat>();
  /** Entries that were folded, the first block included. */
  #length = 0;

  private constructor(feeds: DriveFeeds) {
    this.#feeds = feeds;
  }

  /** Folds what is on disk. Throws FeedError `not_found` when an entry of the metadata is not here, `malformed` when it is none. */
  static async open(reader: StoreReader, feeds: DriveFeeds): Promise<Drive> {
    const drive = new Drive(feeds);
    const { metadata } = feeds;
    for (let from = 0; from < metadata.length; from += METADATA_READ_BLOCKS) {
      const count = Math.min(METADATA_READ_BLOCKS, metadata.length - from);
      const blocks = await metadata.getBlocks(
        reader,
        Array.from({ length: count }, (_, i) => from + i),
      );
      for (const [i, block] of blocks.entries()) {
        if (block === undefined) throw new FeedError('not_found', `entry ${from + i} of the drive is not here`);
        drive.#fold(block);
      }
    }
    return drive;
  }

  /** Name, as `/folder/file`, to what is known of it. */
  get files(): ReadonlyMap<string, DriveStat> {
    return this.#files;
  }

  get feeds(): DriveFeeds {
    return this.#feeds;
  }

  /**
   * Puts and deletes files; their content is appended by the caller, in the same transaction or before. The drive knows them
   * at once: when the transaction fails it is of no use any more.
   */
  write(transaction: StoreTransaction, changes: readonly DriveChange[]): void {
    const { metadata, content } = this.#feeds;
    const blocks: Uint8Array[] = [];
    if (this.#length === 0) {
      blocks.push(encodeDriveIndex(content.publicKey));
      this.#length = 1;
    }
    for (const { name, stat } of changes) {
      const paths = this.#indexed(name, stat);
      blocks.push(encodeDriveNode({ name, stat, paths }));
      this.#keep(name, stat);
    }
    const { length } = metadata.append(transaction, blocks);
    invariant(length === this.#length, 'nobody else writes the metadata of a drive');
  }

  #fold(block: Uint8Array): void {
    if (this.#length === 0) {
      if (decodeDriveIndex(block) === undefined) throw new FeedError('malformed', 'a feed that is no drive');
      this.#length = 1;
      return;
    }
    const { name, stat } = decodeDriveNode(block);
    // Only who writes needs the index.
    if (this.#feeds.metadata.isWritable) this.#indexed(name, stat);
    this.#keep(name, stat);
  }

  #indexed(name: string, stat: DriveStat | undefined): Uint8Array {
    const parts = splitName(name);
    return stat === undefined ? this.#index.delete(parts, this.#length) : this.#index.put(parts, this.#length);
  }

  #keep(name: string, stat: DriveStat | undefined): void {
    if (stat === undefined) this.#files.delete(name);
    else this.#files.set(name, stat);
    this.#length += 1;
  }
}
