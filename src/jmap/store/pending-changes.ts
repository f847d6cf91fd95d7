/**
 * What was changed here and the account's server does not know yet. It stands in the store, so that a merge sees both sides:
 * what the server says is taken with the pending changes applied on top.
 */
import type { Database, Row } from './database.ts';
import { applyDifference, type PendingChange, type PendingKind } from './records.ts';

export class PendingChanges {
  readonly #database: Database;
  #last = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  reload(): void {
    this.#last = Math.max(this.#last, Number(this.#database.get('SELECT coalesce(max(seq), 0) AS n FROM pending')?.n));
  }

  add(account: number, object: string, change: PendingKind, at: number): void {
    const { kind, ...detail } = change;
    this.#database.put('pending', [++this.#last, account, kind, object, JSON.stringify(detail), Math.floor(at)]);
  }

  /** Oldest first. */
  list(account: number, limit: number, after: number): PendingChange[] {
    return this.#database
      .all('SELECT * FROM pending WHERE account = ? AND seq > ? ORDER BY seq LIMIT ?', account, after, limit)
      .map(pendingOf);
  }

  of(account: number, object: string): PendingChange[] {
    return this.#database
      .all('SELECT * FROM pending WHERE account = ? AND object = ? ORDER BY seq', account, object)
      .map(pendingOf);
  }

  settle(seq: number): void {
    this.#database.remove('pending', seq);
  }

  /** What the server says of an email's keywords and mailboxes, as it is once the pending changes have come through. */
  merged(
    account: number,
    id: string,
    remote: { keywords: readonly string[]; mailboxIds: readonly string[] },
  ): { keywords: readonly string[]; mailboxIds: readonly string[]; isDestroyed: boolean } {
    let { keywords, mailboxIds } = remote;
    let isDestroyed = false;
    for (const { change } of this.of(account, id)) {
      if (change.kind === 'emailDestroy') isDestroyed = true;
      if (change.kind !== 'emailUpdate') continue;
      keywords = applyDifference(keywords, change.keywords);
      mailboxIds = applyDifference(mailboxIds, change.mailboxes);
    }
    return { keywords, mailboxIds, isDestroyed };
  }
}

function pendingOf(row: Row): PendingChange {
  return {
    seq: Number(row.seq),
    at: Number(row.at),
    object: String(row.object),
    change: { kind: row.kind, ...JSON.parse(String(row.detail)) } as PendingKind,
  };
}
