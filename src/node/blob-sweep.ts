/**
 * Pieces that no mail counts on: brought by somebody who never sent the mail, or copied from another node after the mail was
 * erased. They go after a time that is told (docs/protocol/blobs.md); whoever is still sending brings them again.
 */
import { type Clock, type Log, readUint64 } from '../base/index.ts';
import type { Store } from '../store/index.ts';
import { type AttachmentDeps, blocksOf, findPiece, isCountedOn } from './attachments.ts';
import { BLOBS_KEPT_MS, RETENTION_INTERVAL_MS, SWEEP_PAGE_ROWS } from './limits.ts';
import { ViewBuffer } from './view-buffer.ts';
import { CHUNK_LISTS } from './view-keys.ts';

export interface BlobSweepDeps extends Omit<AttachmentDeps, 'home'> {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
}

export class BlobSweep {
  readonly #deps: BlobSweepDeps & AttachmentDeps;

  constructor(deps: BlobSweepDeps, options: Pick<AttachmentDeps, 'home'>) {
    this.#deps = { ...deps, ...options };
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.sweep(signal);
      await this.#deps.clock.sleep(RETENTION_INTERVAL_MS, signal);
    }
  }

  /** Clears what is due now. A clock that is wrong costs a sender time, never a mail: what mail counts on stays. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { clock, store } = this.#deps;
    const due = (clock.now() - BLOBS_KEPT_MS) * 1000;
    for (let { from } = CHUNK_LISTS; ; ) {
      signal.throwIfAborted();
      const rows = await store.range({ from, to: CHUNK_LISTS.to, limit: SWEEP_PAGE_ROWS });
      for (const { key, value } of rows) {
        const list = key.slice(-32);
        // The list goes with its chunks: where it is not, nothing is.
        if (readUint64(value) < due && (await findPiece(this.#deps, store, list, 0)) !== undefined)
          await this.#clearUnlessCountedOn(list);
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < SWEEP_PAGE_ROWS) return;
      from = Uint8Array.of(...last.key, 0);
    }
  }

  #clearUnlessCountedOn(list: Uint8Array): Promise<void> {
    const { feeds, log, store } = this.#deps;
    return store.transact(async (transaction) => {
      const views = new ViewBuffer(transaction);
      if (await isCountedOn(this.#deps, views, list)) return;
      const blocks = await blocksOf(views, list);
      for (const { feed, index } of blocks) feeds.get(feed)?.clear(transaction, index);
      log.info({ blocks: blocks.length }, 'an attachment that no mail counts on was removed');
    });
  }
}
