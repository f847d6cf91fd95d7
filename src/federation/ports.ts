/**
 * What the layers are to each other. Transport knows no transactions and transaction no HTTP: between them travel the bytes
 * of proto/federation.proto. Whoever implements a port says in the other direction only FederationErrors.
 */
import type { RootVerdict } from '../key-log/index.ts';
import type {
  Address,
  Attached,
  ConversationId,
  Edu,
  FeedId,
  HomeDocument,
  HomeName,
  Item,
  ItemResult,
  KeyLogPage,
  Pdu,
  PduId,
  SignedRoot,
} from '../protocol/index.ts';
import type { StoreReader, StoreTransaction } from '../store/index.ts';

/** What the transport's server calls. `origin` is authenticated; bytes are messages of proto/federation.proto. */
export interface FederationService {
  /** Takes a Transaction, gives an Answer. */
  send(origin: HomeName, txn: string, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** A Transaction; undefined when there is nothing after that number. */
  pull(origin: HomeName, feed: FeedId, after: number): Promise<Uint8Array | undefined>;
  /** Pdus. */
  pdus(origin: HomeName, ids: readonly PduId[]): Promise<Uint8Array>;
  /** Pdus, a page of them: `after` is what the caller made of the page before. */
  state(origin: HomeName, conversation: ConversationId, after: string | undefined): Promise<Uint8Array>;
  /** Pdus: those of `from` and what they follow, deepest first. */
  backfill(origin: HomeName, conversation: ConversationId, from: readonly PduId[], limit: number): Promise<Uint8Array>;
  /** Documents: the account's chain from the version after `after` on. */
  account(address: Address, after: number): Promise<Uint8Array>;
  /** KeyLogPage: the log of our keys from block `after` on. */
  keyLog(after: number): Promise<Uint8Array>;
  /** A piece of a large attachment, as it is stored. */
  blob(origin: HomeName, list: string, number: number): Promise<Uint8Array>;
  /** Any authenticated request: the home is there. */
  contact(origin: HomeName): void;
}

/** The other end of FederationService, at another home. Throws FederationError. */
export interface FederationLink {
  send(destination: HomeName, txn: string, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  pull(destination: HomeName, feed: FeedId, after: number, signal: AbortSignal): Promise<Uint8Array | undefined>;
  pdus(destination: HomeName, ids: readonly PduId[], signal: AbortSignal): Promise<Uint8Array>;
  state(
    destination: HomeName,
    conversation: ConversationId,
    after: string | undefined,
    signal: AbortSignal,
  ): Promise<Uint8Array>;
  backfill(
    destination: HomeName,
    conversation: ConversationId,
    from: readonly PduId[],
    limit: number,
    signal: AbortSignal,
  ): Promise<Uint8Array>;
  /** From the home of the address. */
  account(address: Address, after: number, signal: AbortSignal): Promise<Uint8Array>;
  keyLog(destination: HomeName, after: number, signal: AbortSignal): Promise<Uint8Array>;
  blob(destination: HomeName, list: string, number: number, signal: AbortSignal): Promise<Uint8Array>;
}

/** Asks one home for a piece of a large attachment. Throws FederationError. */
export type AskPiece = (list: string, number: number, signal: AbortSignal) => Promise<Uint8Array>;

/** Large attachments of this home's mail (docs/protocol/blobs.md). */
export interface AttachmentPort {
  /** For a home that is to get a mail which names the list; undefined: it is not, or the piece is not here. */
  piece(origin: HomeName, list: string, number: number): Promise<Uint8Array | undefined>;
  /**
   * Whether every piece is here, now or within `waitMs`. Else they are being fetched, and whoever asks again finds them.
   * `account`: one of those that the mail is for.
   */
  gather(account: Address, attached: readonly Attached[], ask: AskPiece, waitMs: number): Promise<boolean>;
}

/** Other homes, by their signed chains. */
export interface HomeDirectory {
  /** The home now: verified, pinned, asked again when stale. Throws FederationError. */
  find(home: HomeName, signal: AbortSignal): Promise<HomeDocument>;
  /** Asks again now (a key or feed that we do not know), at most once a minute for a home; otherwise as `find`. */
  refresh(home: HomeName, signal: AbortSignal): Promise<HomeDocument>;
  /**
   * Every version, from the first. Who has seen `atLeast` versions, and so perhaps more than we have, has the home asked now:
   * fewer are the answer only if it says so itself. Throws FederationError, also where that cannot be told now.
   */
  chain(home: HomeName, signal: AbortSignal, atLeast?: number): Promise<readonly HomeDocument[]>;
}

/** A directory that pins what homes show, until an operator decides otherwise. */
export interface PinningDirectory extends HomeDirectory {
  /** What the home shows next is believed as at first contact. */
  forget(home: HomeName): Promise<void>;
}

/** The log of our own keys. */
export interface OwnKeyLog {
  readonly publicKey: Uint8Array;
  page(after: number): Promise<KeyLogPage>;
  /** The newest; undefined while the log is empty. */
  root(): Promise<SignedRoot | undefined>;
  /** What somebody says that our log's key signed, beside the log. */
  judge(root: SignedRoot): Promise<RootVerdict>;
}

/** The other nodes of our home. */
export interface OwnFleet {
  /** Something that is kept of the exchange with this home has changed on our disk. */
  progressed(home: HomeName): void;
  /** Whether there is room for what other homes have for us: without it nothing is taken, and they keep it. */
  hasRoom(): boolean;
  /** Whether what we took until now is on as many disks as it takes to answer for it, now or in time. */
  untilCopied(): Promise<boolean>;
}

export interface OutboxItem {
  readonly number: number;
  /** Milliseconds since 1970 by our clock when it was accepted: for the status of a destination, nothing else. */
  readonly queuedAt: number;
  readonly pdu: Uint8Array;
  /** undefined: erased, or the PDU has none here. */
  readonly body: Uint8Array | undefined;
  /** There is a body, and it is not here yet: another node of the home wrote the entry. */
  readonly isOwed: boolean;
}

/** What waits for other homes: a view that the node folds. */
export interface OutboxView {
  destinations(): Promise<readonly HomeName[]>;
  /**
   * The last number in each of our feeds that ever queued something for it, oldest feed first. Numbers only grow; a retired
   * feed of ours that a restored node continues stays in the list.
   */
  reach(destination: HomeName): Promise<readonly { readonly feed: FeedId; readonly number: number }[]>;
  /** How far any feed of our home goes for it here, also one that another node sends from. 0: not at all. */
  held(destination: HomeName, feed: FeedId): Promise<number>;
  /** Items from `first` to at most `last`, at most `maxBytes` unless one alone is larger. */
  read(
    destination: HomeName,
    feed: FeedId,
    first: number,
    last: number,
    maxBytes: number,
  ): Promise<readonly OutboxItem[]>;
}

/** What becomes of the items of a transaction. */
export interface PduInbox<Judged> {
  // The transaction layer hands over whatever comes again under another transaction id (a rewind, a pull beside a push):
  // a PDU that is here already is `duplicate`, found by its id before anything costly is asked.
  /**
   * Everything that may ask the network or take long, before any store transaction: form, signature, hash, keys. Never
   * throws for bad items.
   */
  judge(origin: HomeName, items: readonly Item[], signal: AbortSignal): Promise<readonly Judged[]>;
  /** Inside the receiver's store transaction: appends what is good, and says a result for each. */
  stage(staging: Staging, origin: HomeName, judged: readonly Judged[]): Promise<readonly ItemResult[]>;
}

/** One store transaction that may append entries to our feed. */
export interface Staging {
  readonly rows: StoreTransaction;
  /** Rows of the node's views, which `append` need not read again. */
  readonly views: StoreReader;
  append(entries: readonly StagedPdu[]): Promise<void>;
}

export interface StagedPdu {
  readonly pdu: Pdu;
  readonly body: Uint8Array | undefined;
  /** Local recipients; may be empty. */
  readonly accounts: readonly Address[];
}

export type Commit = <Result>(work: (staging: Staging) => Promise<Result>) => Promise<Result>;

/** Part of our feed: blocks from `from` to before `to`, and the PDUs of the mail among them. */
export interface Committed {
  readonly from: number;
  readonly to: number;
  readonly pdus: readonly Pdu[];
}

/** What the node committed, to be read again. */
export interface CommitLog {
  /** The feed that is being written. */
  readonly feed: FeedId;
  /** A page from a block on; empty when there is nothing. */
  after(block: number): Promise<Committed>;
}

/** What is said once and never stored. The transaction layer coalesces what is owed, and asks at the time of sending. */
export interface HintPort {
  /** What to say now about a conversation; undefined when there is nothing to say any more. */
  make(destination: HomeName, conversation: ConversationId): Promise<Edu | undefined>;
  /** What another home says; resolves when what matters of it is on disk. Must not throw for what it says. */
  hear(origin: HomeName, edus: readonly Edu[]): Promise<void>;
}
