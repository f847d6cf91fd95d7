/**
 * The log of this home's keys, at the node that writes it: a public, append-only feed that names every version of every account and of the home
 * (docs/protocol/key-log.md). What the journal accepts is named here in the same store transaction, so no key is shown that
 * is not logged. Its secret key stays in the folder and out of backups: a restored home begins another log, names it in its
 * document, and logs again what it has.
 */
import {
  type CryptoSuite,
  compareBytes,
  fromHex,
  fromUtf8,
  type Log,
  type SecureRandom,
  toHex,
  utf8,
} from '../base/index.ts';
import { createFeedKeys, discoveryKeyOf, FeedLog } from '../feed/index.ts';
import { judgeRoot, type RootVerdict, readKeyLogPage, signedRootAt } from '../key-log/index.ts';
import {
  type EntryHeader,
  EntryKind,
  encodeKeyRecord,
  type FeedId,
  feedIdOf,
  type KeyLogPage,
  keyRecordOf,
  type SignedRoot,
} from '../protocol/index.ts';
import type { Store, StoreTransaction } from '../store/index.ts';
import type { DataFolder } from './data-folder.ts';
import { KEY_LOG_FILL_ROWS } from './limits.ts';
import { ACCOUNTS, HOME_VERSIONS, KEY_LOG_RECORD, keyLogPrefix } from './view-keys.ts';

export interface KeyLogDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly store: Store;
  readonly folder: DataFolder;
  readonly log: Log;
}

interface KeyLogRecord {
  /** Hexadecimal. */
  readonly publicKey: string;
  /** The row (hexadecimal) after which what the home had when the log began is still to be logged; undefined: all is. */
  readonly filledTo?: string;
}

/** As every node has it: its writer, and those that mirror it. */
export interface HomeKeyLog {
  readonly publicKey: Uint8Array;
  readonly length: number;
  /** Names the documents among the entries. */
  append(transaction: StoreTransaction, entries: readonly EntryHeader[]): void;
  page(after: number): Promise<KeyLogPage>;
  /** The newest; undefined while the log is empty. */
  root(): Promise<SignedRoot | undefined>;
  /** What somebody says that our log's key signed. */
  judge(root: SignedRoot): Promise<RootVerdict>;
}

export class KeyLog implements HomeKeyLog {
  readonly #deps: KeyLogDeps;
  readonly #log: FeedLog;

  private constructor(deps: KeyLogDeps, log: FeedLog) {
    this.#deps = deps;
    this.#log = log;
  }

  /** Opens the log, or begins one and logs all that is here. Nothing may be accepted meanwhile. */
  static async open(deps: KeyLogDeps): Promise<KeyLog> {
    const record = (await readRecord(deps.store)) ?? (await begin(deps));
    const publicKey = fromHex(record.publicKey);
    const feed = idOf(deps.suite, publicKey);
    const secretKey = await deps.folder.feedSecretKey(feed);
    if (secretKey === undefined) {
      deps.log.warn({ feed }, 'the secret key of the key log is not here: this home was restored, and begins another');
      await deps.store.transact((transaction) => transaction.delete(KEY_LOG_RECORD));
      return KeyLog.open(deps);
    }
    const keyLog = new KeyLog(deps, await FeedLog.open(deps, { prefix: keyLogPrefix(feed), publicKey, secretKey }));
    await keyLog.#fill(record);
    return keyLog;
  }

  get publicKey(): Uint8Array {
    return this.#log.publicKey;
  }

  get length(): number {
    return this.#log.length;
  }

  append(transaction: StoreTransaction, entries: readonly EntryHeader[]): void {
    for (const { document, kind } of entries)
      if (kind === EntryKind.ACCOUNT || kind === EntryKind.KEY) this.#record(transaction, document);
  }

  page(after: number): Promise<KeyLogPage> {
    return readKeyLogPage(this.#deps.suite, this.#log, this.#deps.store, after);
  }

  root(): Promise<SignedRoot | undefined> {
    return signedRootAt(this.#deps.suite, this.#log, this.#deps.store, this.#log.length);
  }

  judge(root: SignedRoot): Promise<RootVerdict> {
    return judgeRoot(this.#deps.suite, this.#log, this.#deps.store, root);
  }

  /** Each record is signed by itself: whoever follows the log may stop, and be compared, at any length. */
  #record(transaction: StoreTransaction, document: Uint8Array): void {
    this.#log.append(transaction, [encodeKeyRecord(keyRecordOf(this.#deps.suite, document))]);
  }

  /** Goes on where a crash ended it: the mark is written with what it marks. */
  async #fill({ filledTo, publicKey }: KeyLogRecord): Promise<void> {
    if (filledTo === undefined) return;
    const { store } = this.#deps;
    let from = afterKey(fromHex(filledTo));
    // In the order of their keys, which the mark goes by.
    for (const versions of [ACCOUNTS, HOME_VERSIONS]) {
      if (compareBytes(from, versions.from) < 0) ({ from } = versions);
      for (;;) {
        const rows = await store.range({ from, to: versions.to, limit: KEY_LOG_FILL_ROWS });
        const last = rows.at(-1);
        if (last === undefined) break;
        await store.transact((transaction) => {
          for (const { value } of rows) this.#record(transaction, value);
          transaction.put(KEY_LOG_RECORD, encodeRecord({ publicKey, filledTo: toHex(last.key) }));
        });
        from = afterKey(last.key);
      }
    }
    await store.transact((transaction) => transaction.put(KEY_LOG_RECORD, encodeRecord({ publicKey })));
  }
}

/** The home was found to be older than it was: a log that others hold longer must not go on. */
export async function retireKeyLog({ folder, store, suite }: KeyLogDeps): Promise<void> {
  const record = await readRecord(store);
  if (record !== undefined) await folder.forgetFeedSecretKey(idOf(suite, fromHex(record.publicKey)));
}

async function begin(deps: KeyLogDeps): Promise<KeyLogRecord> {
  const keys = createFeedKeys(deps);
  // The key is on disk before the record names it: a crash between leaves an unused key, never a log without one.
  await deps.folder.saveFeedSecretKey(feedIdOf(keys.discoveryKey), keys.secretKey);
  const record: KeyLogRecord = { publicKey: toHex(keys.publicKey), filledTo: '' };
  await deps.store.transact((transaction) => transaction.put(KEY_LOG_RECORD, encodeRecord(record)));
  return record;
}

function idOf(suite: CryptoSuite, publicKey: Uint8Array): FeedId {
  return feedIdOf(discoveryKeyOf(suite, publicKey));
}

function afterKey(key: Uint8Array): Uint8Array {
  return Uint8Array.of(...key, 0);
}

async function readRecord(store: Store): Promise<KeyLogRecord | undefined> {
  const row = await store.get(KEY_LOG_RECORD);
  return row === undefined ? undefined : (JSON.parse(fromUtf8(row)) as KeyLogRecord);
}

function encodeRecord(record: KeyLogRecord): Uint8Array {
  return utf8(JSON.stringify(record));
}
