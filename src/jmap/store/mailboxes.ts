/** Mailboxes of the accounts of a store: rows, ids and rights; counts are the tally's. */
import type { ChangeLog } from './change-log.ts';
import type { Database, Row } from './database.ts';
import { MAILBOX_RIGHTS, type MailboxRecord, type MailboxRights } from './records.ts';

export class Mailboxes {
  readonly #database: Database;
  readonly #changes: ChangeLog;
  /** All mailboxes by account: they are few, and needed with every email. */
  readonly #byAccount = new Map<number, Map<string, StoredMailbox>>();
  readonly #byNumber = new Map<number, StoredMailbox>();

  constructor(database: Database, changes: ChangeLog) {
    this.#database = database;
    this.#changes = changes;
  }

  /** Reads all again: after opening, and after a transaction that was rolled back. */
  reload(): void {
    this.#byAccount.clear();
    this.#byNumber.clear();
    const rows = this.#database.all('SELECT * FROM mailbox');
    const ids = new Map(rows.map(({ n, id }) => [n, String(id)]));
    for (const row of rows) this.#remember(storedOf(row, ids));
  }

  list(account: number): StoredMailbox[] {
    return [...(this.#byAccount.get(account)?.values() ?? [])];
  }

  find(account: number, id: string): StoredMailbox | undefined {
    return this.#byAccount.get(account)?.get(id);
  }

  byNumber(n: number): StoredMailbox {
    const found = this.#byNumber.get(n);
    if (found === undefined) throw new Error(`invariant broken: no mailbox ${n}`);
    return found;
  }

  role(account: number, role: string): StoredMailbox | undefined {
    return this.list(account).find((mailbox) => mailbox.role === role);
  }

  /** Creates or replaces one; the parent exists. */
  put(account: number, mailbox: MailboxRecord): void {
    const before = this.find(account, mailbox.id);
    const n = before?.n ?? Number(this.#database.get('SELECT coalesce(max(n), 0) + 1 AS n FROM mailbox')?.n);
    const stored: StoredMailbox = { ...mailbox, n, account };
    if (before !== undefined && isSame(before, stored)) return;
    const parent = mailbox.parentId === null ? null : (this.find(account, mailbox.parentId)?.n ?? null);
    const rights = MAILBOX_RIGHTS.reduce((bits, name, bit) => bits | (mailbox.rights[name] ? 1 << bit : 0), 0);
    const { id, name, role, sortOrder, isSubscribed } = mailbox;
    this.#database.put('mailbox', [n, account, id, name, parent, role, sortOrder, isSubscribed ? 1 : 0, rights]);
    this.#remember(stored);
    this.#changes.touch(account, 'Mailbox', id, before === undefined ? 'created' : 'updated');
  }

  /** One that has no emails and no children any more. */
  remove({ account, id, n }: StoredMailbox): void {
    this.#database.remove('mailbox', n);
    this.#byAccount.get(account)?.delete(id);
    this.#byNumber.delete(n);
    this.#changes.touch(account, 'Mailbox', id, 'destroyed');
  }

  #remember(mailbox: StoredMailbox): void {
    let mailboxes = this.#byAccount.get(mailbox.account);
    if (mailboxes === undefined) this.#byAccount.set(mailbox.account, (mailboxes = new Map()));
    mailboxes.set(mailbox.id, mailbox);
    this.#byNumber.set(mailbox.n, mailbox);
  }
}

export interface StoredMailbox extends MailboxRecord {
  readonly n: number;
  readonly account: number;
}

function storedOf(row: Row, ids: ReadonlyMap<unknown, string>): StoredMailbox {
  const bits = Number(row.rights);
  return {
    n: Number(row.n),
    account: Number(row.account),
    id: String(row.id),
    name: String(row.name),
    parentId: ids.get(row.parent) ?? null,
    role: row.role as string | null,
    sortOrder: Number(row.sort_order),
    isSubscribed: row.subscribed === 1,
    rights: Object.fromEntries(MAILBOX_RIGHTS.map((name, bit) => [name, (bits & (1 << bit)) !== 0])) as MailboxRights,
  };
}

function isSame(a: StoredMailbox, b: StoredMailbox): boolean {
  return (
    a.name === b.name &&
    a.parentId === b.parentId &&
    a.role === b.role &&
    a.sortOrder === b.sortOrder &&
    a.isSubscribed === b.isSubscribed &&
    MAILBOX_RIGHTS.every((name) => a.rights[name] === b.rights[name])
  );
}
