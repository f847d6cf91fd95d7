/**
 * The tables of a MailStore. Rows of TABLES go through the journal as they are; what is derived from them (memberships,
 * thread keys, the search index) is made again when a store is opened.
 */

export type TableName =
  | 'account'
  | 'state'
  | 'change'
  | 'pending'
  | 'mailbox'
  | 'thread'
  | 'email'
  | 'header'
  | 'object'
  | 'agent'
  | 'text';

export interface TableShape {
  readonly name: TableName;
  /** The first `keyLength` columns name the row. */
  readonly columns: readonly string[];
  readonly keyLength: number;
}

const table = (name: TableName, keyLength: number, columns: string): TableShape => ({
  name,
  keyLength,
  columns: columns.split(' '),
});

/** In the order in which a store wants them back: lists before what only searching needs. */
export const TABLES: readonly TableShape[] = [
  table('account', 1, 'n id name personal read_only kind epoch'),
  table('state', 2, 'account type seq floor'),
  table('change', 3, 'account type id created seq destroyed props at link'),
  table('pending', 1, 'seq account kind object detail at'),
  table('agent', 2, 'account name value'),
  table('mailbox', 1, 'n account id name parent role sort_order subscribed rights'),
  table('thread', 1, 'n account id'),
  table('email', 1, 'n account id thread blob size received sent keywords mailboxes attachment preview envelope place'),
  table('object', 3, 'account type id value'),
  table('header', 1, 'email block'),
  table('text', 1, 'email body'),
];

/** The name of a row within its table, by the columns that it begins with. */
export function rowKey(row: readonly (string | number | null | Uint8Array)[], keyLength: number): string {
  return keyLength === 1 ? String(row[0]) : row.slice(0, keyLength).join(' ');
}

/** What no agent can fill again: a journal keeps these in every mode. */
export const DURABLE_TABLES: ReadonlySet<TableName> = new Set([
  'account',
  'state',
  'change',
  'pending',
  'agent',
  'mailbox',
  'object',
]);

/** What is read back while the store is in use already. */
export const LATE_TABLES: ReadonlySet<TableName> = new Set(['header', 'text']);

/**
 * `text` has no table here: the search index holds it. Envelopes, keywords and mailboxes are text in the row, since lists
 * need them together; `member` and `thread_key` find rows by them.
 */
export const SCHEMA = `
PRAGMA journal_mode = OFF;
PRAGMA temp_store = MEMORY;
CREATE TABLE account (n INTEGER PRIMARY KEY, id TEXT UNIQUE, name TEXT, personal INT, read_only INT, kind TEXT, epoch TEXT);
CREATE TABLE state (account INT, type TEXT, seq INT, floor INT, PRIMARY KEY (account, type)) WITHOUT ROWID;
CREATE TABLE change (account INT, type TEXT, id TEXT, created INT, seq INT, destroyed INT, props INT, at INT, link INT,
  PRIMARY KEY (account, type, id)) WITHOUT ROWID;
CREATE TABLE pending (seq INTEGER PRIMARY KEY, account INT, kind TEXT, object TEXT, detail TEXT, at INT);
CREATE TABLE agent (account INT, name TEXT, value TEXT, PRIMARY KEY (account, name)) WITHOUT ROWID;
CREATE TABLE mailbox (n INTEGER PRIMARY KEY, account INT, id TEXT, name TEXT, parent INT, role TEXT, sort_order INT,
  subscribed INT, rights INT);
CREATE TABLE thread (n INTEGER PRIMARY KEY, account INT, id TEXT);
CREATE TABLE email (n INTEGER PRIMARY KEY, account INT, id TEXT, thread INT, blob TEXT, size INT, received INT, sent INT,
  keywords TEXT, mailboxes TEXT, attachment INT, preview TEXT, envelope TEXT, place TEXT);
CREATE TABLE object (account INT, type TEXT, id TEXT, value TEXT, PRIMARY KEY (account, type, id)) WITHOUT ROWID;
CREATE TABLE header (email INTEGER PRIMARY KEY, block BLOB);
CREATE TABLE member (mailbox INT, received INT, id TEXT, email INT, thread INT, flags INT,
  PRIMARY KEY (mailbox, received, id)) WITHOUT ROWID;
CREATE TABLE thread_key (account INT, key INT, thread INT, PRIMARY KEY (account, key)) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5 (sender, recipient, cc, bcc, subject, body, content = '', contentless_delete = 1,
  tokenize = "unicode61 remove_diacritics 2");
`;

/** Made when the lists are there: that takes a fraction of the time, and two thirds of the memory, of keeping them row by row. */
export const INDEXES = `
CREATE INDEX change_by_seq ON change (account, type, seq);
CREATE INDEX change_gone ON change (account, type, at) WHERE destroyed = 1;
CREATE INDEX pending_by_object ON pending (account, object);
CREATE UNIQUE INDEX mailbox_by_id ON mailbox (account, id);
CREATE UNIQUE INDEX thread_by_id ON thread (account, id);
CREATE UNIQUE INDEX email_by_id ON email (account, id);
CREATE INDEX email_by_thread ON email (thread);
CREATE INDEX email_by_received ON email (account, received, id);
CREATE INDEX email_by_blob ON email (account, blob) WHERE blob IS NOT NULL;
CREATE INDEX thread_key_by_thread ON thread_key (thread);
`;
