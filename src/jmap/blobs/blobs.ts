/** Every blob of every account, wherever its octets are. A blob is only found in the account that it belongs to. */
import { CORE_LIMITS, REMOTE_PART_OCTETS_MAX } from '../limits.ts';
import { createDecoder } from '../mime/transfer.ts';
import { MethodError } from '../protocol/errors.ts';
import type { MailAccount } from '../store/mail-account.ts';
import { type PartPlace, parsePartBlobId } from './blob-id.ts';
import {
  type BlobStore,
  type ByteRange,
  type MailSource,
  type RemoteContent,
  type StoredBlob,
  UnavailableOctets,
} from './ports.ts';

/** A blob that is there. `size` is unknown before it is read where octets have to be decoded first, or a server guesses. */
export interface OpenBlob {
  readonly size: number | undefined;
  read(range: ByteRange | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface BlobsDeps {
  readonly store: BlobStore;
  readonly source: MailSource;
}

export class Blobs {
  readonly #deps: BlobsDeps;

  constructor(deps: BlobsDeps) {
    this.#deps = deps;
  }

  async put(accountId: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredBlob> {
    return this.#deps.store.put(accountId, bytes, signal);
  }

  async putBytes(accountId: string, bytes: Uint8Array, signal: AbortSignal): Promise<StoredBlob> {
    return this.put(accountId, once(bytes), signal);
  }

  /** Whether it is a blob by itself, and not a part or the message of an email. */
  async isStored(accountId: string, blobId: string): Promise<boolean> {
    return (await this.#deps.store.size(accountId, blobId)) !== undefined;
  }

  /** What a part of that media type and decoded content stands for, where its octets are elsewhere. */
  remoteOf(account: MailAccount, type: string, content: () => Uint8Array): RemoteContent | undefined {
    const { remote } = this.#deps.source;
    return remote?.type === type ? remote.describe(account.id, content()) : undefined;
  }

  /** Undefined if the account has no such blob. */
  async open(account: MailAccount, blobId: string): Promise<OpenBlob | undefined> {
    const place = parsePartBlobId(blobId);
    if (place?.isRemote === true) return this.#openRemote(account, place);
    if (place !== undefined) return this.#openPart(account, place);
    const { source, store } = this.#deps;
    const size = await store.size(account.id, blobId);
    if (size !== undefined)
      return { size, read: (range) => store.read(account.id, blobId, range ?? { start: 0, end: size }) };
    const email = account.emailOfBlob(blobId);
    if (email === undefined) return undefined;
    const isSizeKnown = source.isSizeKnown(account.id, email.id);
    return {
      size: isSizeKnown ? email.size : undefined,
      read: (range, signal) => this.#readMessage(account.id, email.id, range, signal),
    };
  }

  /** All octets of a blob; undefined if it is not there. Throws MethodError `requestTooLarge` for what no method takes whole. */
  async bytes(account: MailAccount, blobId: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const blob = await this.open(account, blobId);
    return blob === undefined ? undefined : octetsOf(blob, undefined, signal);
  }

  async #openPart(account: MailAccount, place: PartPlace): Promise<OpenBlob | undefined> {
    // A part of a part of a part: attached messages within each other.
    const parent = await this.open(account, place.parent);
    if (parent === undefined || (parent.size !== undefined && place.end > parent.size)) return undefined;
    const range = { start: place.start, end: place.end };
    if (place.encoding === 'identity')
      return {
        size: place.end - place.start,
        read: (wanted, signal) =>
          parent.read(
            wanted === undefined
              ? range
              : { start: range.start + wanted.start, end: Math.min(range.end, range.start + wanted.end) },
            signal,
          ),
      };
    return {
      size: undefined,
      read: (wanted, signal) => clip(decode(parent.read(range, signal), place.encoding), wanted),
    };
  }

  /** Undefined for a part that stands for nothing but itself. */
  async #openRemote(account: MailAccount, place: PartPlace): Promise<OpenBlob | undefined> {
    const { remote } = this.#deps.source;
    if (remote === undefined || place.end - place.start > REMOTE_PART_OCTETS_MAX) return undefined;
    const part = await this.#openPart(account, place);
    // Small, and read whatever becomes of the request that asked for it.
    const content = part === undefined ? undefined : await octetsOf(part, undefined, new AbortController().signal);
    const described = content === undefined ? undefined : remote.describe(account.id, content);
    if (content === undefined || described === undefined) return undefined;
    const { size } = described;
    return { size, read: (range = { start: 0, end: size }, signal) => remote.read(account.id, content, range, signal) };
  }

  async *#readMessage(
    accountId: string,
    emailId: string,
    range: ByteRange | undefined,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const raw = await this.#deps.source.raw(accountId, emailId, range, signal);
    if (raw === undefined) throw new MissingMessage(emailId);
    yield* raw;
  }
}

/** The octets of a blob, or of a range of it, in one piece. Throws MethodError `requestTooLarge`. */
export async function octetsOf(blob: OpenBlob, range: ByteRange | undefined, signal: AbortSignal): Promise<Uint8Array> {
  const octetsMax = 2 * CORE_LIMITS.maxSizeUpload;
  const judge = (size: number): void => {
    if (size > octetsMax) throw new MethodError('requestTooLarge', 'a blob that large can only be downloaded');
  };
  judge(range === undefined ? (blob.size ?? 0) : range.end - range.start);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of blob.read(range, signal)) {
    size += piece.length;
    judge(size);
    pieces.push(piece);
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

/** An email whose source has lost its message, or does not have it yet. */
export class MissingMessage extends UnavailableOctets {
  constructor(emailId: string) {
    super(`the message of ${emailId} is not there`);
    this.name = 'MissingMessage';
  }
}

export async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function* decode(bytes: AsyncIterable<Uint8Array>, encoding: PartPlace['encoding']): AsyncIterable<Uint8Array> {
  const decoder = createDecoder(encoding);
  for await (const piece of bytes) yield decoder.push(piece);
  yield decoder.end();
}

async function* clip(bytes: AsyncIterable<Uint8Array>, range: ByteRange | undefined): AsyncIterable<Uint8Array> {
  if (range === undefined) {
    yield* bytes;
    return;
  }
  let at = 0;
  for await (const piece of bytes) {
    const from = Math.max(0, range.start - at);
    const to = Math.min(piece.length, range.end - at);
    if (from < to) yield piece.subarray(from, to);
    at += piece.length;
    if (at >= range.end) return;
  }
}
