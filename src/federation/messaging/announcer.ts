/**
 * Follows what the node commits, in order, so that those who have to hear of it are told. Its place is kept: what a crash
 * came between is read again from the feed. The place is saved now and then, so that a start may go over some commits twice,
 * which tells the same again.
 */
import { BoundedQueue, type Clock, isAbort, type Log, readUint64, uint64Bytes } from '../../base/index.ts';
import type { Pdu } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { CommitLog, Committed } from '../ports.ts';
import { announcedKey } from '../row-keys.ts';
import { ANNOUNCE_RETRY_MS, ANNOUNCED_SAVE_MS, COMMITS_WAITING_MAX } from './limits.ts';

export interface AnnouncerDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly log: Log;
  readonly commits: CommitLog;
  /** Resolves when it is on disk who is to be told of these. */
  readonly announce: (pdus: readonly Pdu[]) => Promise<void>;
}

export class Announcer {
  readonly #deps: AnnouncerDeps;
  readonly #waiting = new BoundedQueue<Committed>(COMMITS_WAITING_MAX);
  #place: number;
  #savedAt: number;

  private constructor(deps: AnnouncerDeps, place: number) {
    this.#deps = deps;
    this.#place = place;
    this.#savedAt = deps.clock.monotonic();
  }

  static async open(deps: AnnouncerDeps): Promise<Announcer> {
    const row = await deps.store.get(announcedKey(deps.commits.feed));
    return new Announcer(deps, row === undefined ? 0 : readUint64(row));
  }

  /** This is on disk now. What finds no room is read from the feed when its turn comes. */
  committed(commit: Committed): void {
    this.#waiting.push(commit);
  }

  /** Runs until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#waiting.close();
    signal.addEventListener('abort', stop, { once: true });
    await this.#persist(signal, () => this.#catchUp(signal));
    for await (const commit of this.#waiting) {
      if (commit.to <= this.#place) continue;
      await this.#persist(signal, () => (commit.from === this.#place ? this.#announce(commit) : this.#catchUp(signal)));
    }
  }

  /** All that is in the feed. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const commit = await this.#deps.commits.after(this.#place);
      if (commit.to === this.#place) return;
      await this.#announce(commit);
    }
  }

  async #announce({ pdus, to }: Committed): Promise<void> {
    const { announce, clock, commits, store } = this.#deps;
    await announce(pdus);
    this.#place = to;
    if (clock.monotonic() - this.#savedAt < ANNOUNCED_SAVE_MS) return;
    await store.transact((rows) => rows.put(announcedKey(commits.feed), uint64Bytes(to)));
    this.#savedAt = clock.monotonic();
  }

  /** Our own disk may fail for a while; nothing is left out for that. */
  async #persist(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        this.#deps.log.error({ error }, 'what was committed could not be announced; trying again');
        await this.#deps.clock.sleep(ANNOUNCE_RETRY_MS, signal);
      }
    }
  }
}
