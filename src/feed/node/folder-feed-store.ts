/** Several folders of feeds behind one synchronizer: each log's blocks go to and come from its own store. */
import type { StoreReader } from '../../store/index.ts';
import { FeedError } from '../feed-error.ts';
import type { FeedLog } from '../feed-log.ts';
import type { BlockClaim } from '../proof.ts';
import type { Acceptance } from '../replica.ts';
import { acceptIn, type FeedStore, prepareIn } from '../synchronizer/index.ts';
import type { FeedFolder } from './feed-folder.ts';

export class FolderFeedStore implements FeedStore, AsyncDisposable {
  readonly #folders: FeedFolder[] = [];

  /** Closed with this. */
  async add(opening: Promise<FeedFolder>): Promise<FeedFolder> {
    const folder = await opening;
    this.#folders.push(folder);
    return folder;
  }

  get folders(): readonly FeedFolder[] {
    return this.#folders;
  }

  get logs(): readonly FeedLog[] {
    return this.#folders.flatMap(({ feed, content }) => (content === undefined ? [feed] : [feed, content]));
  }

  readerOf(log: FeedLog): StoreReader {
    return this.#folderOf(log).store;
  }

  accept(
    log: FeedLog,
    claims: readonly BlockClaim[],
    onJudged: (acceptances: readonly Acceptance[]) => void,
  ): Promise<readonly Acceptance[]> {
    return acceptIn(this.#folderOf(log).store, log, claims, onJudged);
  }

  prepare(log: FeedLog, index: number): Promise<void> {
    return prepareIn(this.#folderOf(log).store, log, index);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const folder of this.#folders) await folder[Symbol.asyncDispose]();
  }

  #folderOf(log: FeedLog): FeedFolder {
    const folder = this.#folders.find(({ feed, content }) => feed === log || content === log);
    if (folder === undefined) throw new FeedError('not_found', `feed ${log.id} is in none of the folders`);
    return folder;
  }
}
