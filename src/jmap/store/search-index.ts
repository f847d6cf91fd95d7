/**
 * Full-text search over addresses, subjects and bodies. The index holds terms only, no text; snippets are made from the
 * message itself.
 *
 * Scripts that put no space between words are indexed sign by sign, and a run of such signs is looked for as a phrase.
 */
import { INDEXED_AT_ONCE_MAX } from '../limits.ts';
import type { EmailAddress } from '../mime/address-list.ts';
import type { Envelope } from '../mime/envelope.ts';
import type { Database } from './database.ts';

export const SEARCH_COLUMNS = ['sender', 'recipient', 'cc', 'bcc', 'subject', 'body'] as const;
export type SearchColumn = (typeof SEARCH_COLUMNS)[number];

// Han, kana, Hangul, Thai, Lao, Khmer, Myanmar.
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]\p{M}*/gu;

interface Entry {
  readonly envelope: Envelope;
  readonly body: string;
  /** The index has nothing of this email yet. */
  readonly isNew: boolean;
}

export class SearchIndex {
  readonly #database: Database;
  /** What is to be written before the next search: many at once cost a fraction of one by one. */
  readonly #waiting = new Map<number, Entry>();
  /** What waited before the transaction under way changed it. */
  readonly #before = new Map<number, Entry | undefined>();

  constructor(database: Database) {
    this.#database = database;
  }

  add(email: number, envelope: Envelope, body: string): void {
    this.#put(email, { envelope, body, isNew: true });
  }

  replace(email: number, envelope: Envelope, body: string): void {
    this.#put(email, { envelope, body, isNew: this.#waiting.get(email)?.isNew ?? false });
  }

  remove(email: number): void {
    const waiting = this.#waiting.get(email);
    this.#note(email);
    this.#waiting.delete(email);
    if (waiting?.isNew !== true) this.#database.run('DELETE FROM search WHERE rowid = ?', email);
  }

  committed(): void {
    this.#before.clear();
    if (this.#waiting.size >= INDEXED_AT_ONCE_MAX) this.flush();
  }

  rolledBack(): void {
    for (const [email, entry] of this.#before)
      if (entry === undefined) this.#waiting.delete(email);
      else this.#waiting.set(email, entry);
    this.#before.clear();
  }

  /** Writes what waits. Not within a transaction. */
  flush(): void {
    if (this.#waiting.size === 0) return;
    this.#database.run('BEGIN');
    for (const [email, { envelope, body, isNew }] of this.#waiting) {
      // Replacing looks for the row in every segment of the index: only where there is one.
      if (!isNew) this.#database.run('DELETE FROM search WHERE rowid = ?', email);
      this.#database.run(
        'INSERT INTO search (rowid, sender, recipient, cc, bcc, subject, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
        email,
        ...[spell(envelope.from), spell(envelope.to), spell(envelope.cc), spell(envelope.bcc)],
        ...[segment(envelope.subject ?? ''), segment(body)],
      );
    }
    this.#database.run('COMMIT');
    this.#waiting.clear();
  }

  #put(email: number, entry: Entry): void {
    this.#note(email);
    this.#waiting.set(email, entry);
  }

  #note(email: number): void {
    if (!this.#before.has(email)) this.#before.set(email, this.#waiting.get(email));
  }
}

function spell(addresses: readonly EmailAddress[] | null): string {
  if (addresses === null) return '';
  return segment(addresses.map(({ name, email }) => (name === null ? email : `${name} ${email}`)).join(' \n'));
}

/** Text as it is indexed: in one form, with spaces around signs that need none. */
export function segment(text: string): string {
  const composed = text.normalize('NFC');
  // Most mail has no such sign, which is far cheaper to see than to replace.
  return /[\u0e00-\u11ff\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\uff66-\uffdc\ud840-\ud8ff]/.test(composed)
    ? composed.replace(UNSPACED, ' $& ')
    : composed;
}

/**
 * What a person typed, as an FTS5 expression over some columns: words in any order, text in quotes as a phrase, a star at
 * the end of a word for its beginning. Undefined if there is nothing that could be found.
 */
export function searchExpression(typed: string, columns: readonly SearchColumn[]): string | undefined {
  const terms = searchTerms(typed);
  if (terms.length === 0) return undefined;
  // As they were typed: SQLite folds case and accents of both alike, in its own way.
  const phrases = terms.map(({ written, isPrefix }) => `"${written.replaceAll('"', '""')}"${isPrefix ? ' *' : ''}`);
  return `{${columns.join(' ')}} : (${phrases.join(' AND ')})`;
}

export interface SearchTerm {
  /** Folded, to be marked where they stand one after the other. */
  readonly words: readonly string[];
  /** The same, with spaces between them, as the index is asked. */
  readonly written: string;
  /** The last word is only the beginning of one. */
  readonly isPrefix: boolean;
}

const TYPED = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'(?=\s|$)|(\S+)/g;

/** Words of a query and of a text are cut at the same places. */
export function searchTerms(typed: string): SearchTerm[] {
  return [...typed.normalize('NFC').matchAll(TYPED)].flatMap(([, double, single, bare]) => {
    const text = (double ?? single)?.replace(/\\(.)/g, '$1') ?? bare ?? '';
    const words = [...wordsOf(text)];
    const written = words.map(({ start, end }) => text.slice(start, end)).join(' ');
    const isPrefix = bare?.endsWith('*') ?? false;
    return words.length === 0 ? [] : [{ words: words.map(({ folded }) => folded), written, isPrefix }];
  });
}

export interface Word {
  readonly folded: string;
  readonly start: number;
  readonly end: number;
}

const WORDS = new RegExp(`(${UNSPACED.source})|(?:(?!${UNSPACED.source})[\\p{L}\\p{N}\\p{Co}]\\p{M}*)+`, 'gu');

/** The words of a text, with their places. */
export function* wordsOf(text: string): Generator<Word> {
  for (const match of text.matchAll(WORDS))
    yield { folded: fold(match[0]), start: match.index, end: match.index + match[0].length };
}

function fold(word: string): string {
  return word
    .normalize('NFD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
}
