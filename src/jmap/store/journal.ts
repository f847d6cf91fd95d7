/**
 * Where a MailStore's rows outlive the process, as a port. The store works in memory; each transaction that it commits is
 * handed over as one batch of rows, in order, and a store that is opened later reads the last version of each row back.
 *
 * An adapter may leave out tables that can be filled again from an agent (`DURABLE_TABLES` names those that cannot).
 */
import type { TableName } from './schema.ts';

export type SqlValue = string | number | null | Uint8Array;

export interface JournalRecord {
  readonly table: TableName;
  /** Names the row within its table. */
  readonly key: string;
  /** The columns in the order of the schema, or nothing when the row is gone. */
  readonly row: readonly SqlValue[] | undefined;
}

export interface Journal {
  /** Whether it keeps rows of every table, not only of `DURABLE_TABLES`. */
  readonly isWhole: boolean;
  /**
   * The last version of every row that exists when it is called, table after table in the order of `TABLES`, in arrays
   * of one table: first what lists need, then the rest (`LATE_TABLES`), while the store is in use already. Each is called once.
   */
  load(portion: 'lists' | 'rest'): AsyncIterable<readonly JournalRecord[]>;
  /** Takes the rows of one committed transaction: all of them survive, or none. */
  append(batch: readonly JournalRecord[]): void;
  /** Resolves when everything appended so far is durable; rejects when that failed. */
  flush(): Promise<void>;
}
