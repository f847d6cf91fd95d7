/**
 * All mail of one person that their user server shows: the accounts with their mailboxes, emails, threads, search index and
 * change log, in memory, with a journal behind it. Agents fill it and JMAP's methods read and change it.
 *
 * Every method is one synchronous transaction; `transact` makes several one. After it, `changed` says which states are new.
 */
import { type Clock, Emitter, type SecureRandom } from '../../base/index.ts';
import type { DataType } from '../protocol/data-types.ts';
import { ChangeLog } from './change-log.ts';
import { MailboxTally, shareOf } from './counts.ts';
import { Database, type Row } from './database.ts';
import { countableOf, Emails } from './emails.ts';
import type { Journal, JournalRecord } from './journal.ts';
import { MailAccount, type StoreParts } from './mail-account.ts';
import { Mailboxes } from './mailboxes.ts';
import { NO_ACCOUNT, ObjectShelf } from './object-shelf.ts';
import { PendingChanges } from './pending-changes.ts';
import type { AccountRecord, MailboxCounts } from './records.ts';
import { SearchIndex } from './search-index.ts';
import { Threads } from './threads.ts';

export interface MailStoreDeps {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly onListenerError: (error: unknown) => void;
}

/** New states by data type, of one account. */
export interface StateChanges {
  readonly accountId: string;
  readonly changed: ReadonlyMap<DataType, string>;
}

interface MailStoreEvents {
  readonly changed: StateChanges;
  /** An account came, went, or has another name: the session object is another. */
  readonly accounts: undefined;
  /** A push subscription came, went or is another; perhaps in a transaction that is still under way. */
  readonly subscriptions: undefined;
}

export class MailStore {
  readonly #deps: MailStoreDeps;
  readonly #database: Database;
  readonly #parts: StoreParts;
  readonly #emitter: Emitter<MailStoreEvents>;
  /** What belongs to the person and to none of their accounts: push subscriptions, keys. */
  readonly objects: ObjectShelf;
  readonly #accounts = new Map<string, MailAccount>();
  /** Shares of threads as they were before the transaction under way. */
  #before = new Map<number, { account: number; shares: ReadonlyMap<number, MailboxCounts> }>();
  #completed: Promise<void> | undefined;
  /** Records that `complete` has read so far. */
  #lateCount = 0;
  #news: ReadonlyMap<number, ReadonlyMap<DataType, string>> = new Map();

  private constructor(deps: MailStoreDeps) {
    this.#deps = deps;
    this.#emitter = new Emitter(deps.onListenerError);
    const database = new Database(deps.journal);
    const changes = new ChangeLog(
      database,
      () => deps.clock.now(),
      (account) => this.#byNumber(account).epoch,
    );
    const mailboxes = new Mailboxes(database, changes);
    const threads = new Threads(database, changes);
    const search = new SearchIndex(database);
    const onThread = (account: number, thread: number): void => this.#noteThread(account, thread);
    const emails = new Emails({ database, changes, mailboxes, threads, search, onThread });
    const tally = new MailboxTally();
    const pending = new PendingChanges(database);
    const recount = (account: number): void => this.#recount(account);
    this.#parts = { database, changes, mailboxes, threads, emails, search, tally, pending, recount, clock: deps.clock };
    this.#database = database;
    this.objects = new ObjectShelf(database, changes, NO_ACCOUNT, (type) => {
      if (type === 'PushSubscription') this.#emitter.emit('subscriptions', undefined);
    });
    database.onCommitting = () => this.#committing();
    database.onCommitted = () => this.#committed();
    database.onRolledBack = () => this.#rolledBack();
  }

  /** With the lists that the journal has; `complete` reads the rest. */
  static async open(deps: MailStoreDeps): Promise<MailStore> {
    const store = new MailStore(deps);
    for await (const records of deps.journal.load('lists')) store.#restore(records);
    store.#afterLoading();
    return store;
  }

  /** Reads headers and the search index back, beside requests that need neither; once, however often it is called. */
  complete(): Promise<void> {
    this.#completed ??= this.#readRest().catch((error: unknown) => {
      // The disk may be well the next time; what was read in part cannot be read twice.
      if (this.#lateCount === 0) this.#completed = undefined;
      throw error;
    });
    return this.#completed;
  }

  /** Several changes as one: all or none, and one `changed` for each account. */
  transact<Result>(work: () => Result): Result {
    return this.#database.transact(work);
  }

  /** Resolves when all that was changed so far is as durable as the journal makes it. */
  async flush(): Promise<void> {
    await this.#deps.journal.flush();
  }

  on<Name extends keyof MailStoreEvents>(name: Name, listener: (event: MailStoreEvents[Name]) => void): Disposable {
    return this.#emitter.on(name, listener);
  }

  accounts(): MailAccount[] {
    return [...this.#accounts.values()];
  }

  account(id: string): MailAccount | undefined {
    return this.#accounts.get(id);
  }

  /** Creates an account, or changes what is said of it. */
  putAccount(record: AccountRecord): MailAccount {
    const before = this.#accounts.get(record.id);
    const n = before?.n ?? Number(this.#database.get('SELECT coalesce(max(n), 0) + 1 AS n FROM account')?.n);
    const epoch = before?.epoch ?? epochOf(this.#deps.random.bytes(5));
    const account = new MailAccount(this.#parts, record, n, epoch);
    const { id, name } = record;
    this.transact(() => {
      this.#putRow(record, n, epoch);
      this.#accounts.set(id, account);
      if (before === undefined && name.includes('@')) account.objects.put('Identity', 'own', ownIdentity(name));
    });
    this.#emitter.emit('accounts', undefined);
    return account;
  }

  /** Forgets an account and everything in it. */
  removeAccount(id: string): void {
    const account = this.#accounts.get(id);
    if (account === undefined) return;
    this.transact(() => {
      account.clear();
      this.#database.remove('account', account.n);
    });
    // Whoever listens has been told that it went.
    this.transact(() => this.#parts.changes.forgetAccount(account.n));
    this.#accounts.delete(id);
    this.#emitter.emit('accounts', undefined);
  }

  close(): void {
    this.#database.close();
  }

  #byNumber(n: number): MailAccount {
    for (const account of this.#accounts.values()) if (account.n === n) return account;
    throw new Error(`invariant broken: no account ${n}`);
  }

  #restore(records: readonly JournalRecord[]): void {
    const { changes } = this.#parts;
    // What comes again from an agent is not known to be old: then every row is needed.
    const { isWhole } = this.#deps.journal;
    this.#database.run('BEGIN');
    this.#database.restore(isWhole ? records.filter((record) => changes.isRead(record)) : records);
    this.#database.run('COMMIT');
  }

  async #readRest(): Promise<void> {
    if (!this.#parts.emails.isAwaiting) return;
    for await (const records of this.#deps.journal.load('rest')) {
      this.#lateCount += records.length;
      this.#database.run('BEGIN');
      for (const record of records) this.#parts.emails.restoreLate(record);
      this.#database.run('COMMIT');
      this.#parts.search.committed();
    }
    this.#parts.emails.restoredLate();
    this.#parts.search.committed();
  }

  #afterLoading(): void {
    this.#database.restored();
    this.#parts.changes.restored();
    this.#parts.emails.restored();
    const isWhole = this.#deps.journal.isWhole;
    for (const row of this.#database.all('SELECT * FROM account')) {
      const record = accountOf(row);
      const epoch = isWhole ? String(row.epoch) : epochOf(this.#deps.random.bytes(5));
      this.#accounts.set(record.id, new MailAccount(this.#parts, record, Number(row.n), epoch));
    }
    this.#parts.mailboxes.reload();
    this.#parts.pending.reload();
    for (const { n } of this.#accounts.values()) this.#recount(n);
    if (!isWhole) this.#beginAnew();
  }

  /** The mail comes again from its agents. What became of it meanwhile nobody can tell, so no state of before is answered. */
  #beginAnew(): void {
    this.transact(() => {
      for (const account of this.#accounts.values()) {
        this.#putRow(account.record, account.n, account.epoch);
        this.#parts.changes.forgetMail(account.n);
      }
    });
  }

  #putRow({ id, name, isPersonal, isReadOnly, kind }: AccountRecord, n: number, epoch: string): void {
    this.#database.put('account', [n, id, name, isPersonal ? 1 : 0, isReadOnly ? 1 : 0, kind, epoch]);
  }

  #noteThread(account: number, thread: number): void {
    if (this.#before.has(thread)) return;
    this.#before.set(thread, { account, shares: this.#shares(account, thread) });
  }

  #shares(account: number, thread: number): ReadonlyMap<number, MailboxCounts> {
    return shareOf(this.#parts.emails.countables(thread), this.#parts.mailboxes.role(account, 'trash')?.n);
  }

  /** Counts all of an account again: after loading, and when another mailbox is the trash. */
  #recount(account: number): void {
    const { mailboxes, tally } = this.#parts;
    const trash = mailboxes.role(account, 'trash')?.n;
    for (const { n } of mailboxes.list(account)) tally.drop(n);
    for (const [thread, noted] of this.#before) if (noted.account === account) this.#before.delete(thread);
    // Most threads have one email, and of those most are alike.
    for (const row of this.#database.all(
      `SELECT keywords, mailboxes, count(*) AS threads FROM (SELECT keywords, mailboxes FROM email WHERE account = ?
       GROUP BY thread HAVING count(*) = 1) GROUP BY keywords, mailboxes`,
      account,
    ))
      tally.add(shareOf([countableOf(row)], trash), Number(row.threads));
    let current: unknown;
    let emails: ReturnType<typeof countableOf>[] = [];
    const flush = (): void => tally.add(shareOf(emails, trash), 1);
    for (const row of this.#database.iterate(
      `SELECT thread, keywords, mailboxes FROM email WHERE thread IN (SELECT thread FROM email WHERE account = ?
       GROUP BY thread HAVING count(*) > 1) ORDER BY thread`,
      account,
    )) {
      if (row.thread !== current) {
        flush();
        emails = [];
        current = row.thread;
      }
      emails.push(countableOf(row));
    }
    flush();
  }

  #committing(): void {
    const { tally, mailboxes, changes } = this.#parts;
    for (const [thread, { account, shares }] of this.#before)
      for (const n of tally.move(shares, this.#shares(account, thread))) {
        const mailbox = mailboxes.list(account).find((candidate) => candidate.n === n);
        if (mailbox === undefined) tally.drop(n);
        else changes.touch(account, 'Mailbox', mailbox.id, 'counted');
      }
    this.#before.clear();
    this.#news = changes.commit();
  }

  #committed(): void {
    this.#parts.search.committed();
    this.#parts.threads.committed();
    const news = this.#news;
    this.#news = new Map();
    for (const [account, changed] of news)
      for (const { n, id } of this.#accounts.values())
        if (n === account) this.#emitter.emit('changed', { accountId: id, changed });
  }

  #rolledBack(): void {
    this.#before.clear();
    this.#parts.changes.forget();
    this.#parts.search.rolledBack();
    this.#parts.threads.rolledBack();
    this.#parts.mailboxes.reload();
  }
}

/** The one that every account begins with, and keeps. */
function ownIdentity(email: string): object {
  return { name: '', email, replyTo: null, bcc: null, textSignature: '', htmlSignature: '', mayDelete: false };
}

function accountOf(row: Row): AccountRecord {
  return {
    id: String(row.id),
    name: String(row.name),
    isPersonal: row.personal === 1,
    isReadOnly: row.read_only === 1,
    kind: row.kind as AccountRecord['kind'],
  };
}

function epochOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => (byte % 36).toString(36)).join('');
}
