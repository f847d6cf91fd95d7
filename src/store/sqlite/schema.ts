/**
 * The database's layout, and how older ones become it. Two tables: rows of small values, and the files of large ones.
 *
 *     kv          key, and either `value` or `file`, the number of the value's file
 *     value_file  every file that a row names, with its size
 *
 * `kv` has a rowid and the key's index beside it, which writes faster than a table clustered by key, since rows in random
 * order are appended; `file` stands before `value`, so that it is read without the value's pages.
 */
import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import { StoreError } from '../store-error.ts';

/** "Rst1": in the file's header, so that `file` and we can tell what it is. */
const APPLICATION_ID = 0x52737431;

/** The statements that lead from version i to i + 1. Only ever extended. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE kv (key BLOB NOT NULL UNIQUE, file INTEGER, value BLOB);
   CREATE TABLE value_file (id INTEGER PRIMARY KEY, size INTEGER NOT NULL);`,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** Throws `newer_schema` for what a newer program wrote, `corrupt` for what is not a store. */
export function checkSchema(database: DatabaseSyncInstance): 'new' | 'older' | 'current' {
  const version = numberOf(database, 'PRAGMA user_version');
  const applicationId = numberOf(database, 'PRAGMA application_id');
  if (applicationId === 0 && version === 0 && numberOf(database, 'SELECT count(*) FROM sqlite_schema') === 0)
    return 'new';
  if (applicationId !== APPLICATION_ID)
    throw new StoreError('corrupt', 'the database in this folder is not a store of Restante', {
      fix: 'Name another folder.',
      details: { applicationId },
    });
  if (version > SCHEMA_VERSION)
    throw new StoreError('newer_schema', 'this folder was written by a newer version of Restante', {
      fix: 'Use that version again, or restore a backup that was made with this one.',
      details: { found: version, supported: SCHEMA_VERSION },
    });
  return version === SCHEMA_VERSION ? 'current' : 'older';
}

/** Brings a new or older database to the current version, in one transaction. */
export function migrate(database: DatabaseSyncInstance): void {
  const version = numberOf(database, 'PRAGMA user_version');
  database.exec('BEGIN IMMEDIATE');
  for (const statements of MIGRATIONS.slice(version)) database.exec(statements);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
}

/** The one number that `sql` yields. */
export function numberOf(database: DatabaseSyncInstance, sql: string): number {
  const [row] = rowsOf(database, sql);
  return Number(row?.[0]);
}

export function rowsOf(database: DatabaseSyncInstance, sql: string): readonly (readonly unknown[])[] {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return statement.all();
}
