/**
 * The rows of emails and what is found by them. Everything about one email that lists show is in its row; `member` says
 * which emails a mailbox has, newest first.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { HEADER_BYTES_MAX } from '../limits.ts';
import { type Envelope, envelopeOf, fieldsOf } from '../mime/envelope.ts';
import type { HeaderField } from '../mime/header-block.ts';
import type { ChangeLog } from './change-log.ts';
import type { Countable } from './counts.ts';
import type { Database, Row } from './database.ts';
import type { JournalRecord } from './journal.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { EmailRecord, NewEmail } from './records.ts';
import type { SearchIndex } from './search-index.ts';
import type { Threads } from './threads.ts';

/** Keywords that have a bit in `member`, so that common filters do not look at the email. */
export const FLAG_KEYWORDS = [
  '$seen',
  '$draft',
  '$flagged',
  '$answered',
  '$forwarded',
  '$junk',
  '$notjunk',
  '$phishing',
];

/** A window and tables for some kilobytes: the defaults take eight times the memory for each call. */
const HEADER_DEFLATION = { windowBits: 12, memLevel: 5, chunkSize: 4096 };

export interface StoredEmail extends EmailRecord {
  readonly thread: number;
}

export interface EmailsDeps {
  readonly database: Database;
  readonly changes: ChangeLog;
  readonly mailboxes: Mailboxes;
  readonly threads: Threads;
  readonly search: SearchIndex;
  /** Called before any email of a thread changes, so that counts can be moved. */
  readonly onThread: (account: number, thread: number) => void;
}

const SELECT = 'SELECT e.*, t.id AS thread_id FROM email e JOIN thread t ON t.n = e.thread';

export class Emails {
  readonly #deps: EmailsDeps;
  /** Emails from the journal whose header and text are not read yet. */
  readonly #awaited = new Set<number>();

  constructor(deps: EmailsDeps) {
    this.#deps = deps;
  }

  find(account: number, id: string): StoredEmail | undefined {
    const row = this.#deps.database.get(`${SELECT} WHERE e.account = ? AND e.id = ?`, account, id);
    return row === undefined ? undefined : this.#stored(row);
  }

  /** Without the rest of its row, which costs more to read. */
  threadIdOf(account: number, id: string): string | undefined {
    const select = 'SELECT t.id FROM email e JOIN thread t ON t.n = e.thread WHERE e.account = ? AND e.id = ?';
    const row = this.#deps.database.get(select, account, id);
    return row === undefined ? undefined : String(row.id);
  }

  byNumber(n: number): StoredEmail | undefined {
    const row = this.#deps.database.get(`${SELECT} WHERE e.n = ?`, n);
    return row === undefined ? undefined : this.#stored(row);
  }

  /** An email whose raw message is that blob. */
  byBlob(account: number, blobId: string): StoredEmail | undefined {
    const row = this.#deps.database.get(`${SELECT} WHERE e.account = ? AND e.blob = ? LIMIT 1`, account, blobId);
    return row === undefined ? undefined : this.#stored(row);
  }

  /** All ids of an account, or of one mailbox. */
  *ids(account: number, mailbox?: number): Generator<string> {
    const rows =
      mailbox === undefined
        ? this.#deps.database.iterate('SELECT id FROM email WHERE account = ?', account)
        : this.#deps.database.iterate('SELECT id FROM member WHERE mailbox = ?', mailbox);
    for (const { id } of rows) yield String(id);
  }

  count(account: number): number {
    return Number(this.#deps.database.get('SELECT count(*) AS n FROM email WHERE account = ?', account)?.n);
  }

  headers(n: number): readonly HeaderField[] {
    return fieldsOf(this.headerBlock(n));
  }

  headerBlock(n: number): Uint8Array {
    const block = this.#deps.database.get('SELECT block FROM header WHERE email = ?', n)?.block;
    return block instanceof Uint8Array ? inflateRawSync(block) : new Uint8Array(0);
  }

  /** A new one; its id is not taken and its mailboxes exist. */
  add(account: number, email: NewEmail): void {
    const { database, changes, threads, search, onThread } = this.#deps;
    const envelope = envelopeOf(fieldsOf(email.headerBlock));
    const thread = threads.assign(account, envelope, email.id, email.threadId);
    onThread(account, thread);
    const n = Number(database.get('SELECT coalesce(max(n), 0) + 1 AS n FROM email')?.n);
    const mailboxes = email.mailboxIds.map((id) => this.#mailboxNumber(account, id));
    const received = Math.floor(email.receivedAt);
    const sent = envelope.sentAt === null ? null : Date.parse(envelope.sentAt);
    database.put('email', [
      n,
      account,
      email.id,
      thread,
      email.blobId ?? null,
      email.size,
      received,
      sent,
      packed(email.keywords),
      packed(mailboxes),
      email.hasAttachment ? 1 : 0,
      email.preview,
      JSON.stringify(envelope),
      email.place ?? null,
    ]);
    database.put('header', [n, deflateRawSync(email.headerBlock.subarray(0, HEADER_BYTES_MAX), HEADER_DEFLATION)]);
    this.#join(n, { id: email.id, thread, received, keywords: email.keywords }, mailboxes);
    search.add(n, envelope, email.text ?? '');
    if (email.text !== undefined) database.put('text', [n, email.text]);
    changes.touch(account, 'Email', email.id, 'created');
  }

  /** What the rows from the journal lead to. All at once: one by one they would be half of a start. */
  restored(): void {
    const { database } = this.#deps;
    const flags = FLAG_KEYWORDS.map((word, bit) => `(instr(keywords, ' ${word} ') > 0) << ${bit}`).join(' | ');
    database.run(
      `INSERT INTO member (mailbox, received, id, email, thread, flags)
       SELECT m.value, received, e.id, n, thread, ${flags}
       FROM email e, json_each('[' || replace(trim(mailboxes), ' ', ',') || ']') m ORDER BY 1, 2, 3`,
    );
    const numbers = JSON.parse(String(database.get('SELECT json_group_array(n) AS numbers FROM email')?.numbers));
    for (const n of numbers as number[]) this.#awaited.add(n);
  }

  /** Whether the journal has headers and texts that were not read yet. */
  get isAwaiting(): boolean {
    return this.#awaited.size > 0;
  }

  /** A header or text from the journal, which may be late: the email may be gone, or its text newer. */
  restoreLate({ table, row }: JournalRecord): void {
    const n = Number(row?.[0]);
    if (row === undefined || !this.#awaited.has(n)) return;
    if (table === 'header')
      this.#deps.database.run('INSERT OR IGNORE INTO header (email, block) VALUES (?, ?)', n, row[1] as Uint8Array);
    else this.#index(n, String(row[1]));
  }

  /** Everything from the journal is here. What has no text is found by its header. */
  restoredLate(): void {
    for (const n of [...this.#awaited]) this.#index(n, '');
  }

  #index(n: number, text: string): void {
    this.#awaited.delete(n);
    const email = this.byNumber(n);
    if (email !== undefined) this.#deps.search.add(n, email.envelope, text);
  }

  /** The text of a body that came later than its header: queries that look for text have other results now. */
  setText(account: number, { id, n, envelope }: EmailRecord, text: string): void {
    if (this.#awaited.delete(n)) this.#deps.search.add(n, envelope, text);
    else this.#deps.search.replace(n, envelope, text);
    this.#deps.database.put('text', [n, text]);
    this.#deps.changes.touch(account, 'Email', id, 'updated');
  }

  update(
    account: number,
    email: StoredEmail,
    to: Partial<
      Pick<EmailRecord, 'keywords' | 'mailboxIds' | 'blobId' | 'place' | 'size' | 'preview' | 'hasAttachment'>
    >,
  ): void {
    const { database, changes, onThread } = this.#deps;
    const after = { ...email, ...to };
    const isMoved = !isSameSet(email.keywords, after.keywords) || !isSameSet(email.mailboxIds, after.mailboxIds);
    if (isMoved) onThread(account, email.thread);
    const row = database.get('SELECT * FROM email WHERE n = ?', email.n) as Row;
    const mailboxes = after.mailboxIds.map((id) => this.#mailboxNumber(account, id));
    database.put('email', [
      ...[email.n, account, email.id, email.thread],
      to.blobId ?? (row.blob as string | null),
      after.size,
      ...[row.received as number, row.sent as number | null],
      packed(after.keywords),
      packed(mailboxes),
      after.hasAttachment ? 1 : 0,
      after.preview,
      row.envelope as string,
      after.place,
    ]);
    const { hasAttachment, preview, size } = email;
    if (isMoved || hasAttachment !== after.hasAttachment || preview !== after.preview || size !== after.size)
      changes.touch(account, 'Email', email.id, 'updated');
    if (!isMoved) return;
    this.#leave(account, email);
    const received = Number(row.received);
    this.#join(email.n, { id: email.id, thread: email.thread, received, keywords: after.keywords }, mailboxes);
  }

  remove(account: number, email: StoredEmail): void {
    const { database, changes, threads, search, onThread } = this.#deps;
    onThread(account, email.thread);
    this.#leave(account, email);
    database.remove('email', email.n);
    database.remove('header', email.n);
    database.remove('text', email.n);
    if (!this.#awaited.delete(email.n)) search.remove(email.n);
    changes.touch(account, 'Email', email.id, 'destroyed', email.thread);
    threads.removeIfEmpty(account, email.thread);
  }

  /** What counting a thread needs. */
  countables(thread: number): Countable[] {
    return this.#deps.database.all('SELECT keywords, mailboxes FROM email WHERE thread = ?', thread).map(countableOf);
  }

  #join(
    n: number,
    email: { id: string; thread: number; received: number; keywords: readonly string[] },
    mailboxes: readonly number[],
  ): void {
    const { id, thread, received } = email;
    const flags = FLAG_KEYWORDS.reduce((bits, word, bit) => bits | (email.keywords.includes(word) ? 1 << bit : 0), 0);
    for (const mailbox of mailboxes)
      this.#deps.database.run(
        'INSERT INTO member (mailbox, received, id, email, thread, flags) VALUES (?, ?, ?, ?, ?, ?)',
        ...[mailbox, received, id, n, thread, flags],
      );
  }

  #leave(account: number, { id, receivedAt, mailboxIds }: EmailRecord): void {
    for (const mailboxId of mailboxIds)
      this.#deps.database.run(
        'DELETE FROM member WHERE mailbox = ? AND received = ? AND id = ?',
        this.#mailboxNumber(account, mailboxId),
        receivedAt,
        id,
      );
  }

  #mailboxNumber(account: number, id: string): number {
    const mailbox = this.#deps.mailboxes.find(account, id);
    if (mailbox === undefined) throw new Error(`invariant broken: no mailbox ${id}`);
    return mailbox.n;
  }

  #stored(row: Row): StoredEmail {
    return {
      n: Number(row.n),
      id: String(row.id),
      thread: Number(row.thread),
      threadId: String(row.thread_id),
      blobId: row.blob === null ? emailBlobId(String(row.id)) : String(row.blob),
      size: Number(row.size),
      receivedAt: Number(row.received),
      keywords: unpacked(row.keywords),
      mailboxIds: unpacked(row.mailboxes).map((n) => this.#deps.mailboxes.byNumber(Number(n)).id),
      hasAttachment: row.attachment === 1,
      preview: String(row.preview),
      envelope: JSON.parse(String(row.envelope)) as Envelope,
      place: row.place as string | null,
    };
  }
}

/** The blob of an email whose raw message its account's source has. */
export function emailBlobId(emailId: string): string {
  return `e${emailId}`;
}

/** Lists in one column, so that ` word ` finds a whole one. */
function packed(items: readonly (string | number)[]): string {
  return items.length === 0 ? '' : ` ${items.join(' ')} `;
}

export function unpacked(column: unknown): string[] {
  return column === '' ? [] : String(column).slice(1, -1).split(' ');
}

export function countableOf(row: Row): Countable {
  const keywords = String(row.keywords);
  return {
    mailboxes: unpacked(row.mailboxes).map(Number),
    isUnread: !keywords.includes(' $seen ') && !keywords.includes(' $draft '),
  };
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item));
}
