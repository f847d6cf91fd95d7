/** The files of a store's folder and the connections to its database, with every setting and its reason. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { StoreError } from '../store-error.ts';
import { isBusy } from './engine-errors.ts';
import {
  BUSY_TIMEOUT_MS,
  CHECKPOINT_IN_COMMIT_PAGES,
  PAGE_BYTES,
  READER_CACHE_KIB,
  WAL_KEPT_BYTES,
  WRITER_CACHE_KIB,
} from './limits.ts';
import { checkSchema, migrate, rowsOf } from './schema.ts';
import { syncFolder } from './value-files.ts';

export const DATABASE_FILE = 'store.db';
const LOCK_FILE = 'lock.db';

/**
 * Keeps other processes out until it is closed or the process dies, however it dies: an exclusive transaction on a database
 * of its own, since holding the real one would keep our reader out too. Throws `locked`.
 */
export function lockFolder(folder: string): DatabaseSyncInstance {
  // No journal: nothing is ever written, and a leftover would make the next one look for a crash.
  const lock = new DatabaseSync(join(folder, LOCK_FILE), { timeout: 0 });
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new StoreError('locked', `another process has ${folder} open`, {
      fix: 'Stop the other process, or name another folder.',
      retry: 'later',
      cause: error,
    });
  }
  return lock;
}

/** Makes it, for its owner alone, and makes its name durable. */
export function createFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made !== dirname(first); made = dirname(made)) syncFolder(dirname(made));
}

/** The one connection that writes. Creates or migrates the database. */
export function openWriter(folder: string): DatabaseSyncInstance {
  const database = new DatabaseSync(join(folder, DATABASE_FILE), { timeout: BUSY_TIMEOUT_MS });
  try {
    const state = checkSchema(database);
    if (state === 'new') database.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
    useWal(database, folder);
    database.exec(`
      -- The log is synced before a commit returns: acknowledged means on disk. (The default of WAL syncs at checkpoints.)
      PRAGMA synchronous = FULL;
      -- macOS: fsync alone leaves data in the drive's cache. No effect elsewhere.
      PRAGMA fullfsync = ON;
      PRAGMA checkpoint_fullfsync = ON;
      -- The writer checkpoints after its answers; within a commit only when that one alone is huge.
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_IN_COMMIT_PAGES};
      -- A log grown by a huge commit gives its space back.
      PRAGMA journal_size_limit = ${WAL_KEPT_BYTES};
      PRAGMA cache_size = ${-WRITER_CACHE_KIB};
      -- Scratch tables and sorting never touch the disk.
      PRAGMA temp_store = MEMORY;
      -- Damage is found when a page is read, not when its content is used.
      PRAGMA cell_size_check = ON;
      -- Nothing that a foreign hand put into the schema is run.
      PRAGMA trusted_schema = OFF`);
    if (state !== 'current') migrate(database);
    syncFolder(folder);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** A connection that can only read. The writer has opened the folder before. */
export function openReader(folder: string): DatabaseSyncInstance {
  const database = new DatabaseSync(join(folder, DATABASE_FILE), {
    readOnly: true,
    timeout: BUSY_TIMEOUT_MS,
    returnArrays: true,
  });
  database.exec(`
    PRAGMA cache_size = ${-READER_CACHE_KIB};
    PRAGMA temp_store = MEMORY;
    PRAGMA cell_size_check = ON;
    PRAGMA trusted_schema = OFF`);
  return database;
}

function useWal(database: DatabaseSyncInstance, folder: string): void {
  const mode = rowsOf(database, 'PRAGMA journal_mode = WAL')[0]?.[0];
  if (mode !== 'wal')
    throw new StoreError('failed', `the file system of ${folder} cannot share memory between connections`, {
      fix: 'Use a folder on a local disk.',
      details: { mode },
    });
}
