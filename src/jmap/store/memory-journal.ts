/** A journal that lasts as long as the process: for tests, and for people who want no mail on the disk. */
import type { Journal, JournalRecord, SqlValue } from './journal.ts';
import { LATE_TABLES, TABLES, type TableName } from './schema.ts';

export class MemoryJournal implements Journal {
  readonly isWhole = true;
  readonly #rows = new Map<TableName, Map<string, readonly SqlValue[]>>();

  async *load(portion: 'lists' | 'rest'): AsyncIterable<readonly JournalRecord[]> {
    const wanted = TABLES.filter(({ name }) => LATE_TABLES.has(name) === (portion === 'rest'));
    const found = wanted.map(({ name: table }) =>
      [...(this.#rows.get(table) ?? [])].map(([key, row]) => ({ table, key, row })),
    );
    for (const records of found) if (records.length > 0) yield records;
  }

  append(batch: readonly JournalRecord[]): void {
    for (const { table, key, row } of batch) {
      let rows = this.#rows.get(table);
      if (rows === undefined) this.#rows.set(table, (rows = new Map()));
      if (row === undefined) rows.delete(key);
      else rows.set(key, row);
    }
  }

  async flush(): Promise<void> {}
}

/** Keeps nothing: for measuring, and where an agent fills the store anew each time. */
export const NO_JOURNAL: Journal = Object.freeze({
  isWhole: false,
  async *load() {},
  append() {},
  async flush() {},
});
