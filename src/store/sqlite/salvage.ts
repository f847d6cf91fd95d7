/**
 * Makes a sound database of a damaged one: every row that can still be read is written into a new file, which takes the
 * damaged one's place in one step. The damaged file stays beside it, and so do value files that no row names any more. Cut
 * off, it changed nothing, and is begun again.
 *
 *     store.db.salvaging   the new database, while it is written
 *     damaged-1/           what was there before: store.db, and the value files that belong to nothing now
 */
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from '@photostructure/sqlite';
import { equalBytes } from '../../base/index.ts';
import { DATABASE_FILE, lockFolder, openReader } from './database.ts';
import { toStoreError } from './engine-errors.ts';
import { layoutProblems } from './integrity.ts';
import { PAGE_BYTES, SALVAGE_BEYOND_ROWS, SALVAGE_ROWS } from './limits.ts';
import { checkSchema, migrate, numberOf, rowsOf } from './schema.ts';
import { syncFile, syncFolder, ValueFiles } from './value-files.ts';

export interface SalvageReport {
  /** What was wrong with pages and rows, in words; nothing was done when there is nothing. */
  readonly problems: readonly string[];
  /** Rows that were read. */
  readonly rowCount: number;
  /** Keys of rows that are there no more. */
  readonly lost: readonly Uint8Array[];
  /** Whether `lost` are all: where the index of the keys is damaged too, some may be missing. */
  readonly isLostKnown: boolean;
  /** The folder with what was there before. */
  readonly damagedFolder: string | undefined;
}

/** key, file, value */
type RowColumns = readonly [Uint8Array, number | null, Uint8Array | null];

/** Nobody has the folder open. Throws `locked`, `newer_schema`, and `corrupt` where not even the first page can be read. */
export function salvage(folder: string): SalvageReport {
  if (!existsSync(join(folder, DATABASE_FILE))) return UNTOUCHED;
  const lock = lockFolder(folder);
  try {
    moveLog(folder);
    const problems = layoutProblems(folder);
    return problems.length === 0 ? UNTOUCHED : { problems, ...rewrite(folder) };
  } finally {
    lock.close();
  }
}

const UNTOUCHED: SalvageReport = Object.freeze({
  problems: [],
  rowCount: 0,
  lost: [],
  isLostKnown: true,
  damagedFolder: undefined,
});

/** So that the database is one file. It is what every start and stop does. */
function moveLog(folder: string): void {
  const database = new DatabaseSync(join(folder, DATABASE_FILE));
  try {
    checkSchema(database);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch (error) {
    throw toStoreError(error);
  } finally {
    database.close();
  }
}

function rewrite(folder: string): Omit<SalvageReport, 'problems'> {
  const path = join(folder, DATABASE_FILE);
  const partial = `${path}.salvaging`;
  rmSync(partial, { force: true });
  const from = openReader(folder);
  const to = new DatabaseSync(partial);
  let result: Pick<SalvageReport, 'rowCount' | 'lost' | 'isLostKnown'>;
  let named: ReadonlySet<number>;
  try {
    to.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = OFF`);
    migrate(to);
    to.exec('BEGIN');
    const rescue = new Rescue(from, to, new ValueFiles(folder));
    result = { rowCount: rescue.readRows(), ...rescue.findLost() };
    to.exec('COMMIT');
    named = new Set(rowsOf(to, 'SELECT id FROM value_file').map(([id]) => Number(id)));
  } finally {
    from.close();
    to.close();
  }
  syncFile(partial);
  const damagedFolder = putAside(folder, (id) => named.has(id));
  renameSync(partial, path);
  syncFolder(folder);
  return { ...result, damagedFolder };
}

class Rescue {
  readonly #from: DatabaseSyncInstance;
  readonly #files: ValueFiles;
  readonly #to: DatabaseSyncInstance;
  readonly #put: StatementSyncInstance;
  readonly #addFile: StatementSyncInstance;
  #rowCount = 0;
  /** Rows that were read and are as lost as their file. */
  #withoutFile = 0;

  constructor(from: DatabaseSyncInstance, to: DatabaseSyncInstance, files: ValueFiles) {
    this.#from = from;
    this.#to = to;
    this.#files = files;
    this.#put = to.prepare('INSERT OR REPLACE INTO kv (key, file, value) VALUES (?, ?, ?)');
    this.#addFile = to.prepare('INSERT OR REPLACE INTO value_file (id, size) VALUES (?, ?)');
  }

  /** Every row that can be read; returns how many. */
  readRows(): number {
    this.#readBetween(0, this.#lastRowId());
    return this.#rowCount;
  }

  /** Which keys the index names that no row was read for. */
  findLost(): Pick<SalvageReport, 'lost' | 'isLostKnown'> {
    const has = this.#to.prepare('SELECT 1 FROM kv WHERE key = ?');
    const lost: Uint8Array[] = [];
    const isLostKnown = isReadable(() => {
      const keys = this.#from.prepare(`SELECT key, rowid FROM kv INDEXED BY ${KEY_INDEX} ORDER BY key`);
      for (const [key, row] of keys.iterate() as Iterable<readonly [Uint8Array, number]>)
        if (has.get(key) === undefined && !this.#readOne(key, row)) lost.push(Uint8Array.from(key));
    });
    if (isLostKnown) return { lost, isLostKnown };
    return { lost, isLostKnown: this.#hasEveryCell() };
  }

  /** Whether as many rows were read as the pages of the table say that they hold: then none is lost, whatever the index says. */
  #hasEveryCell(): boolean {
    let cells = Number.NaN;
    isReadable(() => {
      cells = numberOf(this.#from, `SELECT sum(ncell) FROM dbstat WHERE name = 'kv' AND pagetype = 'leaf'`);
    });
    return this.#withoutFile === 0 && cells === this.#rowCount;
  }

  /** A number in a torn page that looks like a greater one ends a range without a word: what is behind it is found alone. */
  #readOne(key: Uint8Array, row: number): boolean {
    let isFound = false;
    isReadable(() => {
      const one = this.#from.prepare('SELECT key, file, value FROM kv NOT INDEXED WHERE rowid = ?');
      const [found] = one.all(row) as readonly RowColumns[];
      if (found === undefined || !equalBytes(found[0], key)) return;
      this.#take(found);
      isFound = true;
    });
    return isFound;
  }

  /** Rows numbered [first, last], by halves where they cannot be read together. */
  #readBetween(first: number, last: number): void {
    if (first > last) return;
    // Made anew for each range: one that has failed does not begin again.
    const rows = this.#from.prepare(
      'SELECT key, file, value FROM kv NOT INDEXED WHERE rowid BETWEEN ? AND ? ORDER BY rowid',
    );
    const isWhole =
      last - first < SALVAGE_ROWS &&
      isReadable(() => {
        for (const row of rows.all(first, last) as readonly RowColumns[]) this.#take(row);
      });
    if (isWhole || first === last) return;
    const middle = first + Math.floor((last - first) / 2);
    this.#readBetween(first, middle);
    this.#readBetween(middle + 1, last);
  }

  #take([key, file, value]: RowColumns): void {
    if (file !== null) {
      const size = this.#sizeOf(file);
      if (size === undefined) {
        this.#withoutFile += 1;
        return;
      }
      this.#addFile.run(file, size);
    }
    this.#put.run(key, file, value);
    this.#rowCount += 1;
  }

  /** As it is listed, and else as it is on the disk. */
  #sizeOf(file: number): number | undefined {
    let size: number | undefined;
    isReadable(() => {
      const [row] = rowsOf(this.#from, `SELECT size FROM value_file WHERE id = ${Number(file)}`);
      size = row === undefined ? undefined : Number(row[0]);
    });
    return size ?? statSync(this.#files.pathOf(file), { throwIfNoEntry: false })?.size;
  }

  /** The end of the table may be what is damaged: the index of the keys has the numbers of rows too. */
  #lastRowId(): number {
    let last = 0;
    const inTable = 'SELECT max(rowid) FROM kv NOT INDEXED';
    const inIndex = `SELECT max(n) FROM (SELECT rowid AS n FROM kv INDEXED BY ${KEY_INDEX} ORDER BY key)`;
    const [, isIndexWhole] = [inTable, inIndex].map((query) =>
      isReadable(() => {
        last = Math.max(last, numberOf(this.#from, query));
      }),
    );
    return isIndexWhole ? last : last + SALVAGE_BEYOND_ROWS;
  }
}

/** Of `key BLOB NOT NULL UNIQUE`. */
const KEY_INDEX = 'sqlite_autoindex_kv_1';

/** False: the database is damaged there. Throws what else fails. */
function isReadable(read: () => void): boolean {
  try {
    read();
    return true;
  } catch (error) {
    const problem = toStoreError(error);
    if (problem.code === 'corrupt') return false;
    throw problem;
  }
}

/** The damaged database by another name, and value files that the new one does not name: the next start would sweep them. */
function putAside(folder: string, isNamed: (id: number) => boolean): string {
  let number = 1;
  while (existsSync(join(folder, `damaged-${number}`, DATABASE_FILE))) number += 1;
  const aside = join(folder, `damaged-${number}`);
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  const files = new ValueFiles(folder);
  for (const id of files.all())
    if (!isNamed(id)) {
      const target = join(aside, basename(files.pathOf(id)));
      if (!existsSync(target)) linkSync(files.pathOf(id), target);
    }
  linkSync(join(folder, DATABASE_FILE), join(aside, DATABASE_FILE));
  syncFolder(aside);
  return aside;
}
