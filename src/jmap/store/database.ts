/**
 * The in-memory database of a MailStore: prepared statements, transactions that may stand in each other, and the rows of
 * each transaction for the journal. Synchronous: nobody sees half a transaction.
 */
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { STATEMENTS_MAX } from '../limits.ts';
import { baseSubject } from '../mime/base-subject.ts';
import { sortKey } from './collation.ts';
import { headerMatches } from './header-match.ts';
import type { Journal, JournalRecord, SqlValue } from './journal.ts';
import { INDEXES, rowKey, SCHEMA, TABLES, type TableName } from './schema.ts';

export type Row = Readonly<Record<string, SqlValue>>;

interface PreparedTable {
  readonly columns: readonly string[];
  readonly keyLength: number;
  readonly put: string;
  readonly remove: string;
}

export class Database {
  readonly #connection: DatabaseSyncInstance = new DatabaseSync(':memory:');
  readonly #statements = new Map<string, ReturnType<DatabaseSyncInstance['prepare']>>();
  readonly #tables = new Map<TableName, PreparedTable>();
  readonly #journal: Journal;
  #batch: JournalRecord[] = [];
  #isOpen = false;
  /** Runs before a transaction commits, and may write. */
  onCommitting: () => void = () => undefined;
  /** Forgets what `onCommitting` would have done. */
  onRolledBack: () => void = () => undefined;
  /** Runs after it. */
  onCommitted: () => void = () => undefined;

  constructor(journal: Journal) {
    this.#journal = journal;
    this.#connection.exec(SCHEMA);
    this.#define('sort_key', (text, collation) => sortKey(String(text ?? ''), String(collation)));
    this.#define('base_subject', (subject) => baseSubject(String(subject ?? '')));
    this.#define('header_matches', (block, name, text) =>
      headerMatches(block as Uint8Array, String(name), text as string | null) ? 1 : 0,
    );
    for (const { name, columns, keyLength } of TABLES) {
      const places = columns.map(() => '?').join(', ');
      const key = columns.slice(0, keyLength).map((column) => `${column} = ?`);
      this.#tables.set(name, {
        columns,
        keyLength,
        put: `INSERT OR REPLACE INTO ${name} (${columns.join(', ')}) VALUES (${places})`,
        remove: `DELETE FROM ${name} WHERE ${key.join(' AND ')}`,
      });
    }
  }

  /** All of `work`, or nothing. Within another transaction it is a part of that one. */
  transact<Result>(work: () => Result): Result {
    if (this.#isOpen) return work();
    this.run('BEGIN');
    this.#isOpen = true;
    let result: Result;
    try {
      result = work();
      this.onCommitting();
      this.run('COMMIT');
    } catch (error) {
      this.run('ROLLBACK');
      this.#batch = [];
      this.onRolledBack();
      throw error;
    } finally {
      this.#isOpen = false;
    }
    const batch = this.#batch;
    this.#batch = [];
    if (batch.length > 0) this.#journal.append(batch);
    this.onCommitted();
    return result;
  }

  all(sql: string, ...values: readonly SqlValue[]): readonly Row[] {
    return this.#statement(sql).all(...values);
  }

  get(sql: string, ...values: readonly SqlValue[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  iterate(sql: string, ...values: readonly SqlValue[]): IterableIterator<Row> {
    // A statement of its own: the same query may run while this one is read.
    return this.#connection.prepare(sql).iterate(...values);
  }

  run(sql: string, ...values: readonly SqlValue[]): void {
    this.#statement(sql).run(...values);
  }

  /** Writes a row, in the order of its table's columns. */
  put(table: TableName, row: readonly SqlValue[]): void {
    const { put, keyLength } = this.#table(table);
    if (table !== 'text') this.run(put, ...row);
    this.#batch.push({ table, key: rowKey(row, keyLength), row });
  }

  remove(table: TableName, ...key: readonly SqlValue[]): void {
    if (table !== 'text') this.run(this.#table(table).remove, ...key);
    this.#batch.push({ table, key: rowKey(key, key.length), row: undefined });
  }

  /** Puts rows of one table back that came from the journal. */
  restore(records: readonly JournalRecord[]): void {
    const [first] = records;
    if (first === undefined || first.table === 'text') return;
    const statement = this.#statement(this.#table(first.table).put);
    for (const { row } of records) if (row !== undefined) statement.run(...row);
  }

  /** Once, when every row is back and before anything is looked for. */
  restored(): void {
    this.#connection.exec(INDEXES);
  }

  close(): void {
    this.#connection.close();
  }

  #define(name: string, compute: (...values: SqlValue[]) => SqlValue): void {
    this.#connection.function(name, { deterministic: true, varargs: true }, compute);
  }

  #table(name: TableName): PreparedTable {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`invariant broken: no table ${name}`);
    return table;
  }

  #statement(sql: string): ReturnType<DatabaseSyncInstance['prepare']> {
    let statement = this.#statements.get(sql);
    if (statement !== undefined) return statement;
    if (this.#statements.size >= STATEMENTS_MAX) this.#statements.clear();
    this.#statements.set(sql, (statement = this.#connection.prepare(sql)));
    return statement;
  }
}
