/**
 * One JMAP account of a store. Changes come from two sides: a client's are kept as pending until the account's agent has
 * done them at its server; the agent's are merged with what is still pending.
 */
import type { Clock } from '../../base/index.ts';
import type { HeaderField } from '../mime/header-block.ts';
import type { DataType } from '../protocol/data-types.ts';
import type { ChangeKind, ChangeLog, Changes } from './change-log.ts';
import type { MailboxTally } from './counts.ts';
import type { Database } from './database.ts';
import type { EmailQuery } from './email-filter.ts';
import { type CompiledQuery, compileQuery } from './email-query.ts';
import type { Emails, StoredEmail } from './emails.ts';
import type { Mailboxes } from './mailboxes.ts';
import { ObjectShelf } from './object-shelf.ts';
import type { PendingChanges } from './pending-changes.ts';
import {
  type AccountRecord,
  difference,
  type EmailRecord,
  type MailboxCounts,
  type MailboxRecord,
  type NewEmail,
  NO_DIFFERENCE,
  type PendingChange,
  type PendingKind,
} from './records.ts';
import type { SearchIndex } from './search-index.ts';
import type { Threads } from './threads.ts';

export interface StoreParts {
  readonly database: Database;
  readonly changes: ChangeLog;
  readonly mailboxes: Mailboxes;
  readonly threads: Threads;
  readonly emails: Emails;
  readonly search: SearchIndex;
  readonly tally: MailboxTally;
  readonly pending: PendingChanges;
  readonly recount: (account: number) => void;
  readonly clock: Clock;
}

/** Who changes something: a client through JMAP, or the agent that keeps the account's server and the store alike. */
export type Side = 'client' | 'agent';

/** What may change of an email; whatever is left out stays. */
export type EmailUpdate = Partial<
  Pick<EmailRecord, 'keywords' | 'mailboxIds' | 'blobId' | 'place' | 'size' | 'preview' | 'hasAttachment'>
>;

export class MailAccount {
  readonly record: AccountRecord;
  /** The store's own number. */
  readonly n: number;
  readonly epoch: string;
  /** Identities, submissions, and whatever else is kept as it is. */
  readonly objects: ObjectShelf;
  readonly #parts: StoreParts;

  constructor(parts: StoreParts, record: AccountRecord, n: number, epoch: string) {
    this.#parts = parts;
    this.record = record;
    this.n = n;
    this.epoch = epoch;
    this.objects = new ObjectShelf(parts.database, parts.changes, n);
  }

  get id(): string {
    return this.record.id;
  }

  state(type: DataType): string {
    return this.#parts.changes.state(this.n, type);
  }

  /** Undefined when the log does not reach back to `state`. */
  changesSince(type: DataType, state: string, limit: number): Changes | undefined {
    return this.#parts.changes.since(this.n, type, state, limit);
  }

  /** Notes a change of something that the store does not keep itself, such as a quota. */
  touch(type: DataType, id: string, kind: ChangeKind): void {
    this.#transact(() => this.#parts.changes.touch(this.n, type, id, kind));
  }

  mailboxes(): MailboxRecord[] {
    return this.#parts.mailboxes.list(this.n);
  }

  mailbox(id: string): MailboxRecord | undefined {
    return this.#parts.mailboxes.find(this.n, id);
  }

  mailboxWithRole(role: string): MailboxRecord | undefined {
    return this.#parts.mailboxes.role(this.n, role);
  }

  counts(mailboxId: string): MailboxCounts {
    return this.#parts.tally.of(this.#parts.mailboxes.find(this.n, mailboxId)?.n ?? 0);
  }

  /** Creates or changes one; its parent exists. */
  putMailbox(mailbox: MailboxRecord, side: Side): void {
    this.#transact(() => {
      const { mailboxes } = this.#parts;
      const before = this.mailbox(mailbox.id);
      const trash = this.mailboxWithRole('trash')?.id;
      mailboxes.put(this.n, mailbox);
      if (this.mailboxWithRole('trash')?.id !== trash) this.#recount();
      if (before === undefined) this.#pend(side, mailbox.id, { kind: 'mailboxCreate' });
      else this.#pend(side, mailbox.id, { kind: 'mailboxUpdate', before: plainMailbox(before) });
    });
  }

  /** Another mailbox is the trash: threads are unread in others than before. */
  #recount(): void {
    const before = this.mailboxes().map(({ id }) => ({ id, unread: this.counts(id).unreadThreads }));
    this.#parts.recount(this.n);
    for (const { id, unread } of before)
      if (this.counts(id).unreadThreads !== unread) this.#parts.changes.touch(this.n, 'Mailbox', id, 'counted');
  }

  /**
   * Takes its emails out of it first; those that are in no other mailbox are destroyed. A server that has folders does the
   * same when it deletes one; devices hear it of each email, also of one that is still on its way to the home.
   */
  removeMailbox(id: string, side: Side): void {
    const mailbox = this.#parts.mailboxes.find(this.n, id);
    if (mailbox === undefined) return;
    this.#transact(() => {
      for (const emailId of [...this.#parts.emails.ids(this.n, mailbox.n)]) {
        const email = this.email(emailId);
        if (email === undefined) continue;
        const mailboxIds = email.mailboxIds.filter((other) => other !== id);
        const hearer = this.record.kind === 'encrypted' ? side : 'agent';
        if (mailboxIds.length === 0) this.removeEmails([emailId], hearer);
        else this.updateEmail(emailId, { mailboxIds }, hearer);
      }
      this.#parts.mailboxes.remove(mailbox);
      this.#pend(side, id, { kind: 'mailboxDestroy', before: plainMailbox(mailbox) });
    });
  }

  email(id: string): StoredEmail | undefined {
    return this.#parts.emails.find(this.n, id);
  }

  threadIdOf(emailId: string): string | undefined {
    return this.#parts.emails.threadIdOf(this.n, emailId);
  }

  /** The email whose raw message is that blob. */
  emailOfBlob(blobId: string): StoredEmail | undefined {
    if (blobId.startsWith('e')) {
      const email = this.email(blobId.slice(1));
      if (email?.blobId === blobId) return email;
    }
    return this.#parts.emails.byBlob(this.n, blobId);
  }

  emailIds(): Iterable<string> {
    return this.#parts.emails.ids(this.n);
  }

  get emailCount(): number {
    return this.#parts.emails.count(this.n);
  }

  headers(email: EmailRecord): readonly HeaderField[] {
    return this.#parts.emails.headers(email.n);
  }

  headerBlock(email: EmailRecord): Uint8Array {
    return this.#parts.emails.headerBlock(email.n);
  }

  /** All of them. */
  *threadIds(): Generator<string> {
    for (const { id } of this.#parts.database.iterate('SELECT id FROM thread WHERE account = ?', this.n))
      yield String(id);
  }

  /** Oldest first; undefined if there is no such thread. */
  threadEmailIds(threadId: string): string[] | undefined {
    const thread = this.#parts.threads.find(this.n, threadId);
    return thread === undefined ? undefined : this.#parts.threads.emailIds(thread);
  }

  /**
   * Adds emails, or, when the agent has one that is here already, takes over its keywords and mailboxes. The state of
   * EmailDelivery moves when the agent brings a new one that is worth telling people about.
   */
  putEmails(emails: readonly NewEmail[], side: Side, delivered: 'delivered' | 'known' = 'known'): void {
    this.#transact(() => {
      for (const email of emails) {
        const before = this.email(email.id);
        if (before !== undefined) this.mergeEmail(email.id, email);
        else {
          this.#parts.emails.add(this.n, email);
          const { blobId = null, keywords, mailboxIds } = email;
          this.#pend(side, email.id, { kind: 'emailCreate', blobId, keywords, mailboxIds });
          if (delivered === 'delivered') this.#parts.changes.touch(this.n, 'EmailDelivery', email.id, 'created');
        }
      }
    });
  }

  /** What the agent's server says of an email, with the pending changes on top. */
  mergeEmail(id: string, remote: Pick<NewEmail, 'keywords' | 'mailboxIds'> & EmailUpdate): void {
    this.#transact(() => {
      const email = this.email(id);
      if (email === undefined) return;
      const { keywords, mailboxIds: told } = this.#parts.pending.merged(this.n, id, remote);
      // Some may have been destroyed here, and the server does not know it yet.
      const mailboxIds = told.filter((mailboxId) => this.mailbox(mailboxId) !== undefined);
      const { place, blobId, size, preview, hasAttachment } = remote;
      this.#parts.emails.update(this.n, email, {
        keywords,
        mailboxIds: mailboxIds.length === 0 ? email.mailboxIds : mailboxIds,
        ...given({ place, blobId, size, preview, hasAttachment }),
      });
    });
  }

  /** A client's change, or one that an agent knows to be whole. */
  updateEmail(id: string, update: EmailUpdate, side: Side): void {
    this.#transact(() => {
      const email = this.email(id);
      if (email === undefined) return;
      this.#parts.emails.update(this.n, email, update);
      const keywords = update.keywords === undefined ? NO_DIFFERENCE : difference(email.keywords, update.keywords);
      const mailboxes =
        update.mailboxIds === undefined ? NO_DIFFERENCE : difference(email.mailboxIds, update.mailboxIds);
      if (isSome(keywords) || isSome(mailboxes)) this.#pend(side, id, { kind: 'emailUpdate', keywords, mailboxes });
    });
  }

  /** The text of bodies that came after their headers. */
  putTexts(texts: readonly { readonly id: string; readonly text: string }[]): void {
    this.#transact(() => {
      for (const { id, text } of texts) {
        const email = this.email(id);
        if (email !== undefined) this.#parts.emails.setText(this.n, email, text);
      }
    });
  }

  removeEmails(ids: readonly string[], side: Side): void {
    this.#transact(() => {
      for (const id of ids) {
        const email = this.email(id);
        if (email === undefined) continue;
        this.#parts.emails.remove(this.n, email);
        const { place, mailboxIds } = email;
        this.#pend(side, id, { kind: 'emailDestroy', place, mailboxIds });
      }
    });
  }

  /** One that is gone here has come to a place at its server meanwhile: the agent is to take it away there. */
  destroyAt(id: string, place: string): void {
    this.#transact(() => this.#pend('client', id, { kind: 'emailDestroy', place, mailboxIds: [] }));
  }

  /** The threads, as far as there are any left, that emails were in. */
  threadsOfDestroyed(emailIds: readonly string[]): string[] {
    const links = new Set(this.#parts.changes.linksOf(this.n, 'Email', emailIds));
    return [...links].filter((thread) => this.#parts.threads.exists(thread)).map((n) => this.#parts.threads.idOf(n));
  }

  /** What the agent has to do at its server, oldest first; after what has that number. */
  pending(limit: number, after = 0): PendingChange[] {
    return this.#parts.pending.list(this.n, limit, after);
  }

  /** The same of one email or mailbox. */
  pendingOf(object: string): PendingChange[] {
    return this.#parts.pending.of(this.n, object);
  }

  /** The agent has done it, or found it impossible. */
  settle(seqs: readonly number[]): void {
    this.#transact(() => {
      for (const seq of seqs) this.#parts.pending.settle(seq);
    });
  }

  /** The agent's own notes, such as how far it has synchronised. */
  agentValue(name: string): string | undefined {
    const row = this.#parts.database.get('SELECT value FROM agent WHERE account = ? AND name = ?', this.n, name);
    return row === undefined ? undefined : String(row.value);
  }

  setAgentValue(name: string, value: string): void {
    this.#transact(() => this.#parts.database.put('agent', [this.n, name, value]));
  }

  /** Ids and threads in the order of the query, each as it is asked for. */
  *query(query: EmailQuery): Generator<{ readonly id: string; readonly thread: number }> {
    const { select, values } = this.#compile(query);
    const seen = new Set<number>();
    for (const row of this.#parts.database.iterate(select, ...values)) {
      const thread = Number(row.thread);
      if (query.collapseThreads && seen.has(thread)) continue;
      if (query.collapseThreads) seen.add(thread);
      yield { id: String(row.id), thread };
    }
  }

  /** One page of a query without collapsing, as cheap as the page. */
  page(query: EmailQuery, position: number, limit: number): string[] {
    const { select, values } = this.#compile(query);
    const rows = this.#parts.database.all(`${select} LIMIT ? OFFSET ?`, ...values, limit, position);
    return rows.map(({ id }) => String(id));
  }

  total(query: EmailQuery): number {
    const { filter } = query;
    if (filter.kind === 'inMailbox') {
      const { totalEmails, totalThreads } = this.counts(filter.mailboxId);
      return query.collapseThreads ? totalThreads : totalEmails;
    }
    const { count, values } = this.#compile({ ...query, sort: [] });
    return Number(this.#parts.database.get(count, ...values)?.total);
  }

  #compile(query: EmailQuery): CompiledQuery {
    this.#parts.search.flush();
    return compileQuery(query, this.n, (id) => this.#parts.mailboxes.find(this.n, id)?.n ?? 0);
  }

  /** Everything of the account but its row. */
  clear(): void {
    this.removeEmails([...this.emailIds()], 'agent');
    for (const { id } of this.mailboxes()) this.removeMailbox(id, 'agent');
    for (const { seq } of this.pending(Number.MAX_SAFE_INTEGER)) this.#parts.pending.settle(seq);
    const { database } = this.#parts;
    this.objects.clear();
    for (const { name } of database.all('SELECT name FROM agent WHERE account = ?', this.n))
      database.remove('agent', this.n, name as string);
  }

  #pend(side: Side, object: string, change: PendingKind): void {
    if (side === 'client' && this.record.kind !== 'local')
      this.#parts.pending.add(this.n, object, change, this.#parts.clock.now());
  }

  #transact(work: () => void): void {
    this.#parts.database.transact(work);
  }
}

function isSome({ added, removed }: { added: readonly string[]; removed: readonly string[] }): boolean {
  return added.length > 0 || removed.length > 0;
}

function plainMailbox({ id, name, parentId, role, sortOrder, isSubscribed, rights }: MailboxRecord): MailboxRecord {
  return { id, name, parentId, role, sortOrder, isSubscribed, rights };
}

/** Only what is there: an absent property must not overwrite. */
function given<Value extends object>(value: Value): { [Key in keyof Value]?: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, held]) => held !== undefined)) as {
    [Key in keyof Value]?: Exclude<Value[Key], undefined>;
  };
}
