/** Objects that are kept as they are, by type and id: identities, submissions, push subscriptions and the like. */
import type { DataType } from '../protocol/data-types.ts';
import type { ChangeLog } from './change-log.ts';
import type { Database } from './database.ts';

/** Types that have no states are private to the server or belong to no account. */
export type ShelfType = DataType | 'PushSubscription' | 'Private';

/** Of the person, not of one of their accounts. */
export const NO_ACCOUNT = 0;

export class ObjectShelf {
  readonly #database: Database;
  readonly #changes: ChangeLog;
  readonly #account: number;
  readonly #onTouched: ((type: ShelfType) => void) | undefined;

  /** `onTouched` hears of every change before it is committed, also of types that have no states. */
  constructor(database: Database, changes: ChangeLog, account: number, onTouched?: (type: ShelfType) => void) {
    this.#database = database;
    this.#changes = changes;
    this.#account = account;
    this.#onTouched = onTouched;
  }

  get<Value>(type: ShelfType, id: string): Value | undefined {
    const sql = 'SELECT value FROM object WHERE account = ? AND type = ? AND id = ?';
    const row = this.#database.get(sql, this.#account, type, id);
    return row === undefined ? undefined : (JSON.parse(String(row.value)) as Value);
  }

  list<Value>(type: ShelfType): { readonly id: string; readonly value: Value }[] {
    return this.#database
      .all('SELECT id, value FROM object WHERE account = ? AND type = ? ORDER BY id', this.#account, type)
      .map(({ id, value }) => ({ id: String(id), value: JSON.parse(String(value)) as Value }));
  }

  put(type: ShelfType, id: string, value: unknown): void {
    this.#database.transact(() => {
      const isNew = this.get(type, id) === undefined;
      this.#database.put('object', [this.#account, type, id, JSON.stringify(value)]);
      this.#touch(type, id, isNew ? 'created' : 'updated');
    });
  }

  remove(type: ShelfType, id: string): void {
    this.#database.transact(() => {
      this.#database.remove('object', this.#account, type, id);
      this.#touch(type, id, 'destroyed');
    });
  }

  clear(): void {
    for (const { type, id } of this.#database.all('SELECT type, id FROM object WHERE account = ?', this.#account))
      this.#database.remove('object', this.#account, type as string, id as string);
  }

  #touch(type: ShelfType, id: string, kind: 'created' | 'updated' | 'destroyed'): void {
    if (type !== 'Private' && type !== 'PushSubscription') this.#changes.touch(this.#account, type, id, kind);
    this.#onTouched?.(type);
  }
}
