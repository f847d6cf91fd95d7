/** Where bytes come from: messages from their account's source, everything else from the blob store. */

/** `end` is the first octet that is not wanted. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The raw messages of an account, as its agent can get them. */
export interface MailSource {
  /**
   * The octets of a message, or of a range of it, in order and in pieces of any size. Undefined if the source does not have
   * it; rejects when it cannot be reached now.
   */
  raw(
    accountId: string,
    emailId: string,
    range: ByteRange | undefined,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Whether the size of an email is that of its message, and not what a server has only guessed so far. */
  isSizeKnown(accountId: string, emailId: string): boolean;
  /** Left out where every message holds all of its parts. */
  readonly remote?: RemoteSource;
}

/** What a part of a message stands for whose octets are elsewhere, as those of a large attachment of an encrypted mail. */
export interface RemoteContent {
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

/** Parts of one media type, whose content says where the octets are that they stand for. */
export interface RemoteSource {
  readonly type: string;
  /** By the decoded content of such a part. Undefined: it stands for nothing but itself. */
  describe(accountId: string, content: Uint8Array): RemoteContent | undefined;
  /** The octets of a range, in order and in pieces of any size. Throws UnavailableOctets when they cannot be had now. */
  read(accountId: string, content: Uint8Array, range: ByteRange, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Octets that cannot be had, or not now; the message says why, to a person. */
export class UnavailableOctets extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnavailableOctets';
  }
}

export interface StoredBlob {
  readonly id: string;
  readonly size: number;
}

/** One that is there, and when it came last, in milliseconds since 1970. */
export interface BlobEntry {
  readonly id: string;
  readonly sizeBytes: number;
  readonly storedAt: number;
}

/** Uploads, and messages that were made here. Ids are made from the content (`blobIdOf`). */
export interface BlobStore {
  /** Keeps the bytes. A signal that is aborted, or a stream that fails, leaves nothing. */
  put(accountId: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredBlob>;
  /** How many octets a blob has; undefined if it is not there. */
  size(accountId: string, blobId: string): Promise<number | undefined>;
  read(accountId: string, blobId: string, range: ByteRange): AsyncIterable<Uint8Array>;
  delete(accountId: string, blobId: string): Promise<void>;
  /** All of an account; sizes may be those of their files. */
  entries(accountId: string): AsyncIterable<BlobEntry>;
}
