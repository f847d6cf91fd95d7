/**
 * The only one who writes: holds the folder's lock, applies sets of writes, moves the log into the database. Runs in the
 * writer thread.
 *
 * A commit writes its value files first, so that a row never names a file that is not on disk. Files that it drops are only
 * named in its answer: someone may still read them.
 */
import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import type { KeySpan } from '../key-span.ts';
import { createFolder, lockFolder, openWriter } from './database.ts';
import { toStoreError } from './engine-errors.ts';
import { CHECKPOINT_PAGES, ROWS_PER_PUT, VALUE_FILE_BYTES_MIN } from './limits.ts';
import { largestValueOf, type Packed, unpackWrites } from './packing.ts';
import { numberOf, rowsOf } from './schema.ts';
import { type NewValueFile, ValueFiles } from './value-files.ts';

/** Rows that stop naming a file give up its entry, and its number for the answer. Only this connection has them. */
const DROP_TRIGGERS = `
  CREATE TEMP TABLE dropped_file (id INTEGER);
  CREATE TEMP TRIGGER kv_delete AFTER DELETE ON main.kv WHEN OLD.file IS NOT NULL BEGIN
    DELETE FROM value_file WHERE id = OLD.file;
    INSERT INTO dropped_file VALUES (OLD.file);
  END;
  CREATE TEMP TRIGGER kv_update AFTER UPDATE ON main.kv WHEN OLD.file IS NOT NULL BEGIN
    DELETE FROM value_file WHERE id = OLD.file;
    INSERT INTO dropped_file VALUES (OLD.file);
  END`;

interface Statements {
  readonly begin: StatementSyncInstance;
  readonly commit: StatementSyncInstance;
  /** One row, with the file it names or its value. */
  readonly put: StatementSyncInstance;
  /** ROWS_PER_PUT rows of small values. */
  readonly putMany: StatementSyncInstance;
  readonly delete: StatementSyncInstance;
  readonly deleteRange: StatementSyncInstance;
  readonly addFile: StatementSyncInstance;
  readonly droppedFiles: StatementSyncInstance;
  readonly forgetDropped: StatementSyncInstance;
  /** busy, pages in the log, pages of them moved; does nothing. */
  readonly logState: StatementSyncInstance;
}

export class Writer {
  readonly #lock: DatabaseSyncInstance;
  readonly #database: DatabaseSyncInstance;
  readonly #statements: Statements;
  readonly #files: ValueFiles;
  #nextFileId: number;

  /** Locks the folder, creates or migrates the database, sweeps orphaned value files. */
  static open(folder: string): Writer {
    createFolder(folder);
    const lock = lockFolder(folder);
    try {
      const database = openWriter(folder);
      try {
        return new Writer(lock, database, new ValueFiles(folder));
      } catch (error) {
        database.close();
        throw error;
      }
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  private constructor(lock: DatabaseSyncInstance, database: DatabaseSyncInstance, files: ValueFiles) {
    this.#lock = lock;
    this.#database = database;
    this.#files = files;
    database.exec(DROP_TRIGGERS);
    this.#statements = prepare(database);
    const ids = new Set(rowsOf(database, 'SELECT id FROM value_file').map(([id]) => Number(id)));
    files.sweep((id) => ids.has(id));
    // Never one of a file that a reader of this process might still have open: those are below, or were swept.
    this.#nextFileId = numberOf(database, 'SELECT coalesce(max(id), 0) + 1 FROM value_file');
  }

  /** All or nothing. Returns the files that no row names any more, to be removed when nobody reads them. */
  commit(writes: Packed): readonly number[] {
    const written = largestValueOf(writes) < VALUE_FILE_BYTES_MIN ? [] : this.#newFiles(writes);
    this.#files.write(written);
    let isComplete = false;
    try {
      const dropped = this.#apply(writes, written);
      isComplete = true;
      this.#statements.commit.run();
      return dropped;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      // Of a commit that was written and could not be synced, the log may have it after a crash: then its rows name these
      // files. Otherwise the next start sweeps them.
      if (!isComplete || toStoreError(error).code === 'disk_full') this.#files.remove(written.map((file) => file.id));
      throw error;
    }
  }

  removeFiles(ids: readonly number[]): void {
    this.#files.remove(ids);
  }

  /** Moves the log into the database if it has grown long; does not wait for readers. */
  checkpoint(): void {
    const [, logPages, movedPages] = this.#statements.logState.get() as readonly unknown[];
    if (Number(logPages) - Number(movedPages) >= CHECKPOINT_PAGES)
      this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  }

  close(): void {
    try {
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      this.#database.close();
      this.#lock.close();
    }
  }

  #newFiles(writes: Packed): readonly NewValueFile[] {
    const files: NewValueFile[] = [];
    unpackWrites(writes, {
      deleteRange: () => undefined,
      delete: () => undefined,
      put: (_, value) => {
        if (value.length >= VALUE_FILE_BYTES_MIN) files.push({ id: this.#nextFileId++, bytes: value });
      },
    });
    return files;
  }

  /** All but the COMMIT. */
  #apply(writes: Packed, written: readonly NewValueFile[]): readonly number[] {
    const { begin, put, putMany, delete: remove, deleteRange } = this.#statements;
    const { addFile, droppedFiles, forgetDropped } = this.#statements;
    let nextWritten = 0;
    // Keys and values in turn. Each key comes once, so a row may wait for others while later ones are deleted.
    let rows: Uint8Array[] = [];
    begin.run();
    unpackWrites(writes, {
      deleteRange: (span) => deleteRange.run(firstKeyOf(span), span.to),
      delete: (key) => remove.run(key),
      put: (key, value) => {
        if (value.length < VALUE_FILE_BYTES_MIN) {
          if (rows.push(key, value) < 2 * ROWS_PER_PUT) return;
          putMany.run(...rows);
          rows = [];
          return;
        }
        const { id } = written[nextWritten++] as NewValueFile;
        addFile.run(id, value.length);
        put.run(key, id, null);
      },
    });
    for (let at = 0; at < rows.length; at += 2) put.run(rows[at] as Uint8Array, null, rows[at + 1] as Uint8Array);
    const dropped = droppedFiles.all().map(([id]) => Number(id));
    if (dropped.length > 0) forgetDropped.run();
    return dropped;
  }
}

const OVER = 'ON CONFLICT (key) DO UPDATE SET file = excluded.file, value = excluded.value';

function prepare(database: DatabaseSyncInstance): Statements {
  const droppedFiles = database.prepare('SELECT id FROM dropped_file');
  const logState = database.prepare('PRAGMA wal_checkpoint(NOOP)');
  for (const statement of [droppedFiles, logState]) statement.setReturnArrays(true);
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    put: database.prepare(`INSERT INTO kv (key, file, value) VALUES (?, ?, ?) ${OVER}`),
    putMany: database.prepare(
      `INSERT INTO kv (key, value) VALUES ${new Array(ROWS_PER_PUT).fill('(?, ?)').join(', ')} ${OVER}`,
    ),
    delete: database.prepare('DELETE FROM kv WHERE key = ?'),
    deleteRange: database.prepare('DELETE FROM kv WHERE key >= ? AND key < ?'),
    addFile: database.prepare('INSERT INTO value_file (id, size) VALUES (?, ?)'),
    droppedFiles,
    forgetDropped: database.prepare('DELETE FROM dropped_file'),
    logState,
  };
}

const SMALLEST_KEY = Uint8Array.of(0);

/** Some bindings make NULL of an empty array, and nothing compares with NULL. */
export function firstKeyOf({ from }: KeySpan): Uint8Array {
  return from.length === 0 ? SMALLEST_KEY : from;
}
