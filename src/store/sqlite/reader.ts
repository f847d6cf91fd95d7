/**
 * Answers reads from one read-only connection, in the reader thread. All reads of a message see one snapshot, and answers
 * are packed in the order of the questions; one that fails does not spoil the others, unless it ended the snapshot.
 */
import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import { invariant } from '../../base/index.ts';
import type { Scan } from '../engine.ts';
import type { KeySpan } from '../key-span.ts';
import { successorOf } from '../overlay.ts';
import { StoreError } from '../store-error.ts';
import { openReader } from './database.ts';
import { type ErrorMessage, errorMessageOf } from './engine-errors.ts';
import { KEYS_PER_STATEMENT, MESSAGE_BYTES_KEPT, ROWS_OF_FIRST_FETCH, ROWS_PER_STATEMENT } from './limits.ts';
import { type Packed, Packer, type Read, unpackReads } from './packing.ts';
import { numberOf } from './schema.ts';
import { ValueFiles } from './value-files.ts';
import { firstKeyOf } from './writer.ts';

export interface ReadAnswers {
  /** For each read 1 and its answer, or 0: then its error is the next of `errors`. */
  readonly answers: Packed;
  readonly errors: readonly ErrorMessage[];
}

/** key, file, value */
type RowColumns = readonly [Uint8Array, number | null, Uint8Array | null];
/** The key's place among those asked for, file, value */
type ValueColumns = readonly [number, number | null, Uint8Array | null];
/** Of the keys found: their places, the sizes of their values, the values joined, how many of them are files. */
type JoinedColumns = readonly [string | null, string | null, Uint8Array | null, number | null];

const EMPTY = new Uint8Array(0);
const NOTHING = { numbers: 0, bytes: 0 };

export class Reader {
  readonly #database: DatabaseSyncInstance;
  readonly #files: ValueFiles;
  readonly #packer = new Packer(MESSAGE_BYTES_KEPT);
  readonly #begin: StatementSyncInstance;
  readonly #commit: StatementSyncInstance;
  readonly #rollback: StatementSyncInstance;
  readonly #forward: StatementSyncInstance;
  readonly #backward: StatementSyncInstance;
  readonly #sizeOfFile: StatementSyncInstance;
  /** By the number of keys they look up: a row for each key, and all in one row. */
  readonly #lookups = new Map<number, StatementSyncInstance>();
  readonly #joined = new Map<number, StatementSyncInstance>();

  constructor(folder: string) {
    this.#files = new ValueFiles(folder);
    this.#database = openReader(folder);
    const scan = (order: string): StatementSyncInstance =>
      this.#database.prepare(
        `SELECT key, file, value FROM kv WHERE key >= ? AND key < ? ORDER BY key ${order} LIMIT ?`,
      );
    this.#begin = this.#database.prepare('BEGIN');
    this.#commit = this.#database.prepare('COMMIT');
    this.#rollback = this.#database.prepare('ROLLBACK');
    this.#forward = scan('ASC');
    this.#backward = scan('DESC');
    this.#sizeOfFile = this.#database.prepare('SELECT size FROM value_file WHERE id = ?');
  }

  read(packed: Packed): ReadAnswers {
    const errors: ErrorMessage[] = [];
    this.#begin.run();
    try {
      for (const read of unpackReads(packed)) {
        const start = this.#packer.position;
        try {
          this.#answer(read);
        } catch (error) {
          // What the disk cannot do ends the transaction: the others would see another snapshot.
          if (!this.#database.isTransaction) throw error;
          this.#packer.rewind(start);
          this.#packer.addNumber(0);
          errors.push(errorMessageOf(error));
        }
      }
      this.#commit.run();
    } catch (error) {
      if (this.#database.isTransaction) this.#rollback.run();
      this.#packer.rewind(NOTHING);
      throw error;
    }
    return { answers: this.#packer.pack(), errors };
  }

  /** Bytes of the database's pages and of the value files. */
  sizeBytes(): number {
    const pages = numberOf(this.#database, 'PRAGMA page_count') * numberOf(this.#database, 'PRAGMA page_size');
    return pages + numberOf(this.#database, 'SELECT coalesce(sum(size), 0) FROM value_file');
  }

  close(): void {
    this.#database.close();
  }

  #answer(read: Read): void {
    this.#packer.addNumber(1);
    if (read.kind === 'getMany') this.#getMany(read.keys);
    else this.#scan(read.scan);
  }

  #getMany(keys: readonly Uint8Array[]): void {
    for (let i = 0; i < keys.length; ) {
      const left = keys.length - i;
      const count = KEYS_PER_STATEMENT.find((size) => size <= left) ?? 1;
      const asked = keys.slice(i, i + count);
      if (count === 1 || !this.#addJoined(asked)) this.#addEach(asked);
      i += count;
    }
  }

  /**
   * Adds the values as one row of one statement: to hand a row over to JavaScript costs more than to find it. SQLite joins
   * blobs byte by byte, in the order in which it finds them, which is that of the keys. False, with nothing added, when
   * some are files.
   */
  #addJoined(keys: readonly Uint8Array[]): boolean {
    const statement = prepared(this.#joined, keys.length, (asked) =>
      this.#database.prepare(
        `WITH asked (place, key) AS (VALUES ${asked})
         SELECT group_concat(place, ','), group_concat(length(value), ','), CAST(group_concat(value, '') AS BLOB),
           count(file)
         FROM asked CROSS JOIN kv USING (key)`,
      ),
    );
    const [row] = statement.all(...keys) as readonly JoinedColumns[];
    invariant(row !== undefined, 'a statement without groups has one row');
    const [places, sizes, bytes, files] = row;
    if (files !== 0) return false;
    const sizeOf = sizes === null ? [] : sizes.split(',').map(Number);
    const placeOf = places === null ? [] : places.split(',').map(Number);
    let next = 0;
    for (let place = 0; place < keys.length; place++) {
      if (placeOf[next] === place) this.#packer.addNumber((sizeOf[next++] as number) + 1);
      else this.#packer.addNumber(0);
    }
    invariant(next === placeOf.length, 'values are found in the order of their keys');
    const joined = bytes ?? EMPTY;
    invariant(joined.length === sizeOf.reduce((sum, size) => sum + size, 0), 'values are joined byte by byte');
    this.#packer.addBytes(joined);
    return true;
  }

  #addEach(keys: readonly Uint8Array[]): void {
    const statement = prepared(this.#lookups, keys.length, (asked) =>
      this.#database.prepare(
        `WITH asked (place, key) AS (VALUES ${asked})
         SELECT place, file, value FROM asked CROSS JOIN kv USING (key)`,
      ),
    );
    const found = new Array<ValueColumns | undefined>(keys.length);
    for (const row of statement.all(...keys) as readonly ValueColumns[]) found[row[0]] = row;
    for (const row of found) {
      if (row === undefined) this.#packer.addNumber(0);
      else this.#addValue(row[1], row[2], 1);
    }
  }

  #scan({ spans, reverse, limit, maxBytes }: Scan): void {
    const start = this.#packer.position;
    this.#packer.addNumber(0);
    this.#packer.addNumber(0);
    const budget = new ScanBudget(limit, maxBytes);
    for (const span of spans) if (this.#scanSpan(span, reverse, budget)) break;
    this.#packer.setNumber(start.numbers, budget.isSpent ? 1 : 0);
    this.#packer.setNumber(start.numbers + 1, budget.rowCount);
  }

  /** Whether the budget is spent. */
  #scanSpan(span: KeySpan, reverse: boolean, budget: ScanBudget): boolean {
    const statement = reverse ? this.#backward : this.#forward;
    let from = firstKeyOf(span);
    let { to } = span;
    for (;;) {
      const asked = budget.nextFetch;
      const rows = statement.all(from, to, asked) as readonly RowColumns[];
      let last: Uint8Array | undefined;
      for (const [key, file, value] of rows) {
        last = key;
        this.#packer.addNumber(key.length);
        this.#packer.addBytes(key);
        budget.spend(this.#addValue(file, value, 0));
        if (budget.isSpent) return true;
      }
      if (rows.length < asked || last === undefined) return false;
      if (reverse) to = last;
      else from = successorOf(last);
    }
  }

  /** Adds the value's size, and `plus`, and its bytes. Returns its size. */
  #addValue(file: number | null, value: Uint8Array | null, plus: 0 | 1): number {
    if (file === null) {
      const bytes = value ?? EMPTY;
      this.#packer.addNumber(bytes.length + plus);
      this.#packer.addBytes(bytes);
      return bytes.length;
    }
    const [size] = (this.#sizeOfFile.get(file) ?? []) as readonly number[];
    if (size === undefined) throw new StoreError('corrupt', `a row names value file ${file}, which is not listed`);
    this.#packer.addNumber(size + plus);
    this.#files.read(file, this.#packer.reserve(size));
    return size;
  }
}

/** The statement for so many keys, made when it is first needed. */
function prepared(
  statements: Map<number, StatementSyncInstance>,
  count: number,
  prepare: (asked: string) => StatementSyncInstance,
): StatementSyncInstance {
  const known = statements.get(count);
  if (known !== undefined) return known;
  const made = prepare(Array.from({ length: count }, (_, i) => `(${i}, ?)`).join(', '));
  statements.set(count, made);
  return made;
}

/** How much of a scan is still wanted. */
class ScanBudget {
  readonly #limit: number;
  #bytesLeft: number;
  #bytesSpent = 0;
  #rowCount = 0;

  constructor(limit: number, maxBytes: number) {
    this.#limit = limit;
    this.#bytesLeft = maxBytes;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get isSpent(): boolean {
    return this.#rowCount >= this.#limit || this.#bytesLeft < 0;
  }

  /** Rows to fetch next: where bytes are bounded, as many as the rows so far make likely. */
  get nextFetch(): number {
    const most = Math.min(this.#limit - this.#rowCount, ROWS_PER_STATEMENT);
    if (this.#bytesLeft === Number.POSITIVE_INFINITY) return most;
    if (this.#rowCount === 0) return Math.min(most, ROWS_OF_FIRST_FETCH);
    const rowBytes = Math.max(1, this.#bytesSpent / this.#rowCount);
    return Math.min(most, Math.ceil(this.#bytesLeft / rowBytes) + 1);
  }

  spend(valueBytes: number): void {
    this.#rowCount++;
    this.#bytesSpent += valueBytes;
    this.#bytesLeft -= valueBytes;
  }
}
