/**
 * The engine over a folder: a writer thread, a reader thread, and short-lived ones for backups and checks.
 *
 * A value file that a commit drops is removed once no read, backup or check that began before that commit is under way:
 * their snapshots still name it. Until then it is an orphan, which the next start would sweep.
 */
import type { Log } from '../../base/index.ts';
import { workerUrl } from '../../base/system/index.ts';
import type { Engine, Scan, ScanResult } from '../engine.ts';
import type { WriteSet } from '../write-set.ts';
import { MESSAGE_BYTES_KEPT } from './limits.ts';
import type { CheckReport, MaintenanceCalls, SalvageReport } from './maintenance-worker.ts';
import { Packer, packWrites, transferOf } from './packing.ts';
import { ReadLine } from './read-line.ts';
import { createReaderHandlers, type ReaderCalls } from './reader-calls.ts';
import { InlineStoreLine, type StoreLine, StoreThread } from './store-thread.ts';
import { createWriterHandlers, type WriterCalls } from './writer-calls.ts';

export interface SqliteEngineOptions {
  readonly folder: string;
  /** Whether writing and reading have threads of their own. */
  readonly isThreaded: boolean;
}

export class SqliteEngine implements Engine {
  readonly #log: Log;
  readonly #folder: string;
  readonly #writer: StoreLine<WriterCalls>;
  readonly #reader: StoreLine<ReaderCalls>;
  readonly #reads: ReadLine;
  readonly #packer = new Packer(MESSAGE_BYTES_KEPT);
  /** Backups and checks under way. */
  readonly #maintenance = new Map<StoreThread<MaintenanceCalls>, Promise<unknown>>();
  #removals: Promise<void> = Promise.resolve();

  static async open(log: Log, { folder, isThreaded }: SqliteEngineOptions): Promise<SqliteEngine> {
    const writer: StoreLine<WriterCalls> = isThreaded
      ? new StoreThread<WriterCalls>('writer', workerUrl('./writer-worker.ts', import.meta.url))
      : new InlineStoreLine(createWriterHandlers());
    const reader: StoreLine<ReaderCalls> = isThreaded
      ? new StoreThread<ReaderCalls>('reader', workerUrl('./reader-worker.ts', import.meta.url))
      : new InlineStoreLine(createReaderHandlers());
    try {
      await writer.call('open', { folder });
      await reader.call('open', { folder });
    } catch (error) {
      await writer.call('close', {}).catch(() => undefined); // the first error is the one that says why
      await Promise.all([writer.end(), reader.end()]);
      throw error;
    }
    return new SqliteEngine(log, folder, writer, reader);
  }

  private constructor(log: Log, folder: string, writer: StoreLine<WriterCalls>, reader: StoreLine<ReaderCalls>) {
    this.#log = log;
    this.#folder = folder;
    this.#writer = writer;
    this.#reader = reader;
    this.#reads = new ReadLine(reader);
  }

  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#reads.getMany(keys);
  }

  scan(scan: Scan): Promise<ScanResult> {
    return this.#reads.scan(scan);
  }

  async commit(writes: WriteSet): Promise<void> {
    const packed = packWrites(this.#packer, writes);
    const { dropped, checkpointError } = await this.#writer.call('commit', packed, transferOf(packed));
    if (checkpointError !== undefined)
      this.#log.warn({ error: checkpointError }, 'the write-ahead log could not be moved into the database');
    if (dropped.length > 0) this.#removeLater(dropped);
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  async sizeBytes(): Promise<number> {
    const { sizeBytes } = await this.#reader.call('size', {});
    return sizeBytes;
  }

  async backupTo(folder: string): Promise<void> {
    await this.#maintain('backup', (thread) => thread.call('backup', { from: this.#folder, to: folder }));
  }

  integrityCheck(): Promise<CheckReport> {
    return this.#maintain('check', (thread) => thread.call('check', { folder: this.#folder }));
  }

  /** Idempotence is EngineStore's. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const thread of this.#maintenance.keys()) await thread.end();
    await this.#reads.settled();
    await this.#removals;
    try {
      await this.#reader.call('close', {});
      await this.#writer.call('close', {});
    } catch (error) {
      // Everything acknowledged is in the log, which the next start reads.
      this.#log.warn({ error }, 'the store did not close cleanly');
    } finally {
      await Promise.all([this.#reader.end(), this.#writer.end()]);
    }
  }

  #removeLater(ids: readonly number[]): void {
    const readers = [this.#reads.settled(), ...this.#maintenance.values()];
    const earlier = this.#removals;
    this.#removals = (async () => {
      await earlier;
      await Promise.all(readers);
      await this.#writer.call('removeFiles', { ids });
    })().catch((error: unknown) => {
      this.#log.warn({ error, files: ids.length }, 'value files that nothing names any more stay until the next start');
    });
  }

  async #maintain<Reply>(
    name: string,
    task: (thread: StoreThread<MaintenanceCalls>) => Promise<Reply>,
  ): Promise<Reply> {
    const thread = openMaintenance(name);
    const work = task(thread);
    // For those who wait for its end only.
    this.#maintenance.set(
      thread,
      work.catch(() => undefined),
    );
    try {
      return await work;
    } finally {
      this.#maintenance.delete(thread);
      await thread.end();
    }
  }
}

/** Makes a sound store of a damaged one that nobody has open. */
export async function salvageStore(folder: string): Promise<SalvageReport> {
  const thread = openMaintenance('salvage');
  try {
    return await thread.call('salvage', { folder });
  } finally {
    await thread.end();
  }
}

function openMaintenance(name: string): StoreThread<MaintenanceCalls> {
  return new StoreThread<MaintenanceCalls>(name, workerUrl('./maintenance-worker.ts', import.meta.url));
}
