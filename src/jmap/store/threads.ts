/**
 * Which thread an email belongs to. Two emails are in one if a message id is in both of them and their subjects are the same
 * but for prefixes (RFC 8621, section 3). Both conditions are one key: the hash of message id and subject.
 *
 * Threads are never merged, since an email's thread is immutable: an email that would join two goes to the older.
 */
import { createHash } from 'node:crypto';
import { THREAD_EMAILS_MAX, THREAD_KEYS_MAX } from '../limits.ts';
import { baseSubject } from '../mime/base-subject.ts';
import type { Envelope } from '../mime/envelope.ts';
import type { ChangeLog } from './change-log.ts';
import type { Database } from './database.ts';

export class Threads {
  readonly #database: Database;
  readonly #changes: ChangeLog;
  /** Whether `thread_key` has those of all emails: `made` by the transaction under way, or for good. */
  #keys: 'missing' | 'made' | 'kept' = 'missing';

  constructor(database: Database, changes: ChangeLog) {
    this.#database = database;
    this.#changes = changes;
  }

  /**
   * The thread for a new email, made if there is none: the one that the agent says, if it is there; else the one that message
   * ids say, since an answer may have begun a conversation of its own. A new one has the wanted name, or the email's.
   */
  assign(account: number, envelope: Envelope, emailId: string, wanted: string | undefined): number {
    this.#restoreKeys();
    const keys = threadKeys(envelope);
    const named = wanted === undefined ? undefined : this.#named(account, wanted);
    const thread = named ?? this.#find(account, keys);
    const n = thread ?? this.#create(account, wanted ?? `t${emailId}`);
    this.#remember(account, keys, n);
    return n;
  }

  committed(): void {
    if (this.#keys === 'made') this.#keys = 'kept';
  }

  rolledBack(): void {
    if (this.#keys === 'made') this.#keys = 'missing';
  }

  /** After emails left: a thread without emails is gone. */
  removeIfEmpty(account: number, thread: number): void {
    if (this.#database.get('SELECT 1 FROM email WHERE thread = ? LIMIT 1', thread) !== undefined) {
      this.#changes.touch(account, 'Thread', this.idOf(thread), 'updated');
      return;
    }
    this.#changes.touch(account, 'Thread', this.idOf(thread), 'destroyed');
    this.#database.run('DELETE FROM thread_key WHERE thread = ?', thread);
    this.#database.remove('thread', thread);
  }

  idOf(thread: number): string {
    return String(this.#database.get('SELECT id FROM thread WHERE n = ?', thread)?.id);
  }

  exists(thread: number): boolean {
    return this.#database.get('SELECT 1 FROM thread WHERE n = ?', thread) !== undefined;
  }

  find(account: number, id: string): number | undefined {
    const row = this.#database.get('SELECT n FROM thread WHERE account = ? AND id = ?', account, id);
    return row === undefined ? undefined : Number(row.n);
  }

  /** Oldest first (RFC 8621, section 3). */
  emailIds(thread: number): string[] {
    const rows = this.#database.all('SELECT id FROM email WHERE thread = ? ORDER BY received, id', thread);
    return rows.map(({ id }) => String(id));
  }

  #named(account: number, id: string): number | undefined {
    const thread = this.find(account, id);
    if (thread !== undefined) this.#changes.touch(account, 'Thread', id, 'updated');
    return thread;
  }

  #find(account: number, keys: readonly number[]): number | undefined {
    let found: number | undefined;
    for (const key of keys) {
      const row = this.#database.get('SELECT thread FROM thread_key WHERE account = ? AND key = ?', account, key);
      if (row !== undefined && (found === undefined || Number(row.thread) < found)) found = Number(row.thread);
    }
    if (found === undefined) return undefined;
    const count = this.#database.get('SELECT count(*) AS emails FROM email WHERE thread = ?', found)?.emails;
    if (Number(count) >= THREAD_EMAILS_MAX) {
      this.#database.run('DELETE FROM thread_key WHERE thread = ?', found);
      return undefined;
    }
    this.#changes.touch(account, 'Thread', this.idOf(found), 'updated');
    return found;
  }

  #create(account: number, id: string): number {
    // An email of that id may have lived before and left its thread behind.
    const free = this.find(account, id) === undefined ? id : `${id}-${this.#nextNumber()}`;
    const n = this.#nextNumber();
    this.#database.put('thread', [n, account, free]);
    this.#changes.touch(account, 'Thread', free, 'created');
    return n;
  }

  #nextNumber(): number {
    return Number(this.#database.get('SELECT coalesce(max(n), 0) + 1 AS n FROM thread')?.n);
  }

  /** Of the emails that came back from the journal, when the first new one comes: no list needs them. A full thread has none. */
  #restoreKeys(): void {
    if (this.#keys !== 'missing') return;
    for (const row of this.#database.iterate(
      `SELECT account, envelope, thread FROM email WHERE thread NOT IN (SELECT thread FROM email
       GROUP BY thread HAVING count(*) >= ?) ORDER BY n`,
      THREAD_EMAILS_MAX,
    ))
      this.#remember(Number(row.account), threadKeys(JSON.parse(String(row.envelope)) as Envelope), Number(row.thread));
    this.#keys = 'made';
  }

  #remember(account: number, keys: readonly number[], thread: number): void {
    for (const key of keys)
      this.#database.run(
        'INSERT OR IGNORE INTO thread_key (account, key, thread) VALUES (?, ?, ?)',
        account,
        key,
        thread,
      );
  }
}

function threadKeys({ messageId, inReplyTo, references, subject }: Envelope): number[] {
  // The last references are the nearest relatives.
  const ids = new Set([...(messageId ?? []), ...(inReplyTo ?? []), ...(references ?? []).slice(-THREAD_KEYS_MAX)]);
  const base = baseSubject(subject ?? '')
    .replace(/\s+/g, '')
    .toLowerCase();
  return [...ids].slice(0, THREAD_KEYS_MAX).map((id) => hash53(`${id}\n${base}`));
}

/** 53 bits: a collision among a million message ids is a matter of one in ten thousand, and its harm one odd thread. */
function hash53(text: string): number {
  const digest = createHash('sha1').update(text).digest();
  return digest.readUIntBE(0, 6) * 32 + ((digest[6] ?? 0) & 31);
}
