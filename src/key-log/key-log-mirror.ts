/**
 * A key log of another, followed: every block from the first on, each page judged before it is kept and kept in one store
 * transaction. Only its writer's key can make it grow, and nothing makes it shrink: who shows less, or something else, is
 * answered with what contradicts.
 *
 *     l …                         the log itself, as FeedLog keeps it
 *     r subject 0 version sha256  a record
 *     x length hash               a root by the log's key that contradicts it, → signature, tree roots
 *     w length hash               a root by the log's key beyond its end: judged when it gets there, → the same
 *
 * In 0.1.0 `x` and `w` had no tree roots; such a row proves nothing, and is passed over.
 * One page at a time is taken: who asks again while a page is being taken waits for it.
 */
import {
  type CryptoSuite,
  concatBytes,
  equalBytes,
  fromHex,
  readUint64,
  toHex,
  uint64Bytes,
  utf8,
} from '../base/index.ts';
import { FeedError, FeedLog } from '../feed/index.ts';
import {
  type Address,
  type HomeName,
  KEY_LOG_PAGE_RECORDS_MAX,
  type KeyLogPage,
  readKeyRecord,
  type SignedRoot,
} from '../protocol/index.ts';
import { type KeySpan, type Row, type Store, type StoreTransaction, under } from '../store/index.ts';
import { readKeyLogPage } from './key-log-page.ts';
import { DOUBLES_READ_MAX, HEARD_ROOTS_MAX, VERSIONS_READ_MAX } from './limits.ts';
import { judgeRoot, type RootVerdict, signedRootAt } from './signed-root.ts';

export interface KeyLogMirrorDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
}

export interface KeyLogMirrorOptions {
  readonly home: HomeName;
  /** The log's, as the home document names it. */
  readonly publicKey: Uint8Array;
  /** Every row lies under it; it is no prefix of another mirror's. */
  readonly prefix: Uint8Array;
}

/** What a page was. Only `grown` changes anything. */
export type PageVerdict =
  /** `subjects` have new versions. */
  | { readonly status: 'grown'; readonly subjects: ReadonlySet<string> }
  | { readonly status: 'same' }
  /** The log is shown shorter than its key signed it before; what is shown of it is the same. */
  | { readonly status: 'shorter'; readonly root: SignedRoot | undefined }
  /** The log's key signed another root than that of the blocks which it signed before. */
  | { readonly status: 'forked'; readonly root: SignedRoot }
  /** Another log is shown: the home document says which is right. */
  | { readonly status: 'other_log' }
  | { readonly status: 'refused'; readonly why: string };

export interface LoggedVersion {
  readonly version: number;
  /** Hexadecimal; more than one is a contradiction. */
  readonly documents: readonly string[];
}

export class KeyLogMirror {
  readonly home: HomeName;
  readonly publicKey: Uint8Array;
  readonly #deps: KeyLogMirrorDeps;
  readonly #prefix: Uint8Array;
  readonly #log: FeedLog;

  private constructor(deps: KeyLogMirrorDeps, { home, prefix, publicKey }: KeyLogMirrorOptions, log: FeedLog) {
    this.home = home;
    this.publicKey = publicKey;
    this.#deps = deps;
    this.#prefix = prefix;
    this.#log = log;
  }

  static async open(deps: KeyLogMirrorDeps, options: KeyLogMirrorOptions): Promise<KeyLogMirror> {
    const { prefix, publicKey } = options;
    const log = await FeedLog.open(deps, { prefix: concatBytes(prefix, utf8('l')), publicKey });
    return new KeyLogMirror(deps, options, log);
  }

  get length(): number {
    return this.#log.length;
  }

  /** Judges a page that was asked for after our length. */
  async take(page: KeyLogPage): Promise<PageVerdict> {
    if (!equalBytes(page.keyLog, this.publicKey)) return { status: 'other_log' };
    const { base, blocks, root } = page;
    const before = this.length;
    for (const said of [base, root]) {
      if (said === undefined || said.length > before) continue;
      const verdict = await this.#judge(said);
      if (verdict === 'forked') return { status: 'forked', root: said };
      if (verdict === 'unsigned') return refuse(`a root of length ${said.length} is not signed by the log's key`);
      if (verdict === 'unproven') return refuse(`another root of length ${said.length} comes without its tree`);
    }
    const after = root?.length ?? 0;
    if (after < before) return blocks.length === 0 ? { status: 'shorter', root } : refuse('blocks that we have');
    if (blocks.length > KEY_LOG_PAGE_RECORDS_MAX) return refuse('more blocks than a page has');
    if (after !== before + blocks.length) return refuse(`${blocks.length} blocks do not lead to length ${after}`);
    if (root === undefined || blocks.length === 0) return { status: 'same' };
    return this.#grow(blocks, root);
  }

  /** What somebody says that the log's key signed. What contradicts the log is kept, and what is ahead of it. */
  async hear(root: SignedRoot): Promise<RootVerdict> {
    const verdict = await this.#judge(root);
    if (verdict === 'forked') await this.#remember('x', root);
    if (verdict === 'ahead') await this.#remember('w', root);
    return verdict;
  }

  /** Roots by the log's key that are not the log's. */
  async disputed(): Promise<readonly SignedRoot[]> {
    return (await this.#heard('x')).map(({ root }) => root);
  }

  /** The longest root that somebody showed and the home has not shown us yet. */
  async awaited(): Promise<SignedRoot | undefined> {
    return (await this.#heard('w')).at(-1)?.root;
  }

  /** What the log names of an account, or of the home, by version. */
  async versions(subject: Address | HomeName): Promise<readonly LoggedVersion[]> {
    const { from, to } = this.#under('r', utf8(subject), ZERO);
    const rows = await this.#deps.store.range({ from, to, limit: VERSIONS_READ_MAX });
    const versions = new Map<number, string[]>();
    for (const { key } of rows) {
      const version = readUint64(key.subarray(-40, -32));
      const documents = versions.get(version) ?? [];
      if (documents.length < DOUBLES_READ_MAX) documents.push(toHex(key.subarray(-32)));
      versions.set(version, documents);
    }
    return [...versions].map(([version, documents]) => ({ version, documents }));
  }

  /** The newest root that the log's key signed; undefined while the log is empty. */
  root(): Promise<SignedRoot | undefined> {
    return signedRootAt(this.#deps.suite, this.#log, this.#deps.store, this.length);
  }

  /** For those who follow the log here. */
  async readPage(after: number): Promise<KeyLogPage> {
    return readKeyLogPage(this.#deps.suite, this.#log, this.#deps.store, after, await this.disputed());
  }

  async #grow(blocks: readonly Uint8Array[], root: SignedRoot): Promise<PageVerdict> {
    const { store } = this.#deps;
    const subjects = new Set<string>();
    const awaited = await this.#heard('w');
    try {
      await store.transact((transaction) => {
        this.#log.adopt(transaction, blocks, root.signature);
        for (const block of blocks) this.#index(transaction, block, subjects);
      });
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      return refuse(`${error.message}`);
    }
    for (const { key, root: heard } of awaited) {
      if (heard.length > this.length) continue;
      await store.transact((transaction) => transaction.delete(key));
      await this.hear(heard);
    }
    return { status: 'grown', subjects };
  }

  #index(transaction: StoreTransaction, block: Uint8Array, subjects: Set<string>): void {
    const record = readKeyRecord(block, this.home);
    if (record === undefined) return;
    const { sha256, subject, version } = record;
    subjects.add(subject);
    transaction.put(this.#key('r', utf8(subject), ZERO, uint64Bytes(version), fromHex(sha256)), NOTHING);
  }

  #judge(root: SignedRoot): Promise<RootVerdict> {
    return judgeRoot(this.#deps.suite, this.#log, this.#deps.store, root);
  }

  async #remember(tag: HeardTag, { hash, length, roots, signature }: SignedRoot): Promise<void> {
    if ((await this.#heard(tag)).length >= HEARD_ROOTS_MAX) return;
    const key = this.#key(tag, uint64Bytes(length), hash);
    await this.#deps.store.transact((transaction) => transaction.put(key, concatBytes(signature, roots)));
  }

  async #heard(tag: HeardTag): Promise<readonly { readonly key: Uint8Array; readonly root: SignedRoot }[]> {
    const rows = await this.#deps.store.range({ ...this.#under(tag), limit: 2 * HEARD_ROOTS_MAX });
    const heard = rows.map((row) => ({ key: row.key, root: rootOf(row) }));
    return heard.filter(({ root }) => root.roots.length > 0);
  }

  #key(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
    return concatBytes(this.#prefix, utf8(tag), ...parts);
  }

  #under(tag: string, ...parts: readonly Uint8Array[]): KeySpan {
    return under(this.#key(tag, ...parts));
  }
}

type HeardTag = 'x' | 'w';

const ZERO = Uint8Array.of(0);
const SIGNATURE_BYTES = 64;
const NOTHING = new Uint8Array(0);

function rootOf({ key, value }: Row): SignedRoot {
  return {
    length: readUint64(key.subarray(-40, -32)),
    hash: key.slice(-32),
    signature: value.slice(0, SIGNATURE_BYTES),
    roots: value.slice(SIGNATURE_BYTES),
  };
}

function refuse(why: string): PageVerdict {
  return { status: 'refused', why };
}
