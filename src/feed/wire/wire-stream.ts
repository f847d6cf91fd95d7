/**
 * One connection of Dat v6, both directions, without any I/O: messages in, bytes out; bytes in, messages out.
 *
 * - Each side's first frame is a Feed in the clear with its nonce; everything after it is XSalsa20 with the first feed's
 *   public key. Both first Feeds name the same feed.
 * - That hides the traffic from those who lack the public key. It authenticates nobody and protects nothing from change:
 *   blocks prove themselves, everything else is a peer's claim.
 * - Channels are the numbers that a sender gives to its Feed messages; which feed is which is the synchronizer's business.
 */
import { equalBytes, invariant, type SecureRandom } from '../../base/index.ts';
import { FeedError } from '../feed-error.ts';
import { ByteWriter, varintBytes } from './byte-writer.ts';
import { FrameReader } from './frame-reader.ts';
import { CHANNELS_MAX } from './limits.ts';
import { type FeedMessage, MESSAGE_TYPES, type WireMessage } from './message.ts';
import { decodePayload, NONCE_BYTES, payloadBytes, writePayload } from './message-codec.ts';
import type { CreateStreamCipher, StreamCipher } from './stream-cipher.ts';

export interface WireStreamDeps {
  readonly createCipher: CreateStreamCipher;
  readonly random: SecureRandom;
}

export interface FirstFeed {
  readonly discoveryKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

export type Inbound =
  /** The other end's first Feed, before ours: to be answered by `open`, or the rest stays unread. */
  | { readonly kind: 'opening'; readonly discoveryKey: Uint8Array }
  | { readonly kind: 'message'; readonly channel: number; readonly message: WireMessage }
  | { readonly kind: 'keepAlive' };

const KEEP_ALIVE: Inbound = { kind: 'keepAlive' };

export class WireStream {
  readonly #deps: WireStreamDeps;
  readonly #reader = new FrameReader();
  readonly #writer = new ByteWriter();
  #first: FirstFeed | undefined;
  #remoteFirst: FeedMessage | undefined;
  #outgoing: StreamCipher | undefined;
  #incoming: StreamCipher | undefined;
  /** Bytes at the start of what is to be sent that stay in the clear. */
  #clearBytes = 0;

  constructor(deps: WireStreamDeps) {
    this.#deps = deps;
  }

  get isOpen(): boolean {
    return this.#first !== undefined;
  }

  /** Whether a frame of the other end has begun and not ended. */
  get isWithinFrame(): boolean {
    return this.#reader.isWithinFrame;
  }

  /** What waits for `take`. */
  get pendingBytes(): number {
    return this.#writer.size;
  }

  /** Names the first feed: its number is channel 0. Once. */
  open(first: FirstFeed): void {
    invariant(this.#first === undefined, 'a connection opens once');
    this.#assertSame(first, this.#remoteFirst);
    this.#first = first;
    const nonce = this.#deps.random.bytes(NONCE_BYTES);
    this.#writeFrame(0, { type: 'feed', discoveryKey: first.discoveryKey, nonce });
    this.#clearBytes = this.#writer.size;
    this.#outgoing = this.#deps.createCipher(first.publicKey, nonce);
    this.#startIncoming();
  }

  write(channel: number, message: WireMessage): void {
    invariant(this.#first !== undefined, 'the first feed comes first');
    this.#writeFrame(channel, message);
  }

  keepAlive(): void {
    if (this.#first !== undefined) this.#writer.varint(0);
  }

  /** What is to be sent now, in one piece. */
  take(): Uint8Array {
    const bytes = this.#writer.take();
    this.#outgoing?.apply(bytes.subarray(this.#clearBytes));
    this.#clearBytes = 0;
    return bytes;
  }

  /**
   * What a chunk of the other end brings. The chunk is decrypted in place. Throws FeedError `malformed`, `too_large`, or
   * `wrong_key` when the first feeds differ: the connection is of no use then.
   */
  *receive(chunk: Uint8Array): Generator<Inbound> {
    this.#incoming?.apply(chunk);
    this.#reader.push(chunk);
    if (this.#remoteFirst === undefined) {
      const body = this.#reader.next();
      if (body === undefined) return;
      const message = decodeBody(body)?.message;
      if (message?.type !== 'feed' || message.nonce === undefined)
        throw new FeedError('malformed', 'a connection that does not begin with a feed and a nonce');
      this.#assertSame(this.#first, message);
      this.#remoteFirst = message;
      if (this.#first === undefined) yield { kind: 'opening', discoveryKey: message.discoveryKey };
      // Opened by the consumer meanwhile, which made the cipher, or never: then the rest stays unread.
      this.#startIncoming();
      if (this.#incoming === undefined) return;
      const rest = this.#reader.takeRest();
      this.#incoming.apply(rest);
      this.#reader.push(rest);
      yield { kind: 'message', channel: 0, message };
    }
    for (let body = this.#reader.next(); body !== undefined; body = this.#reader.next()) {
      if (body.length === 0) yield KEEP_ALIVE;
      const inbound = decodeBody(body);
      if (inbound !== undefined) yield inbound;
    }
  }

  #startIncoming(): void {
    if (this.#incoming !== undefined || this.#first === undefined || this.#remoteFirst?.nonce === undefined) return;
    this.#incoming = this.#deps.createCipher(this.#first.publicKey, this.#remoteFirst.nonce);
  }

  #assertSame(ours: FirstFeed | undefined, theirs: FeedMessage | undefined): void {
    if (ours !== undefined && theirs !== undefined && !equalBytes(ours.discoveryKey, theirs.discoveryKey))
      throw new FeedError('wrong_key', 'the other end opens another feed first');
  }

  #writeFrame(channel: number, message: WireMessage): void {
    const header = channel * 16 + MESSAGE_TYPES[message.type];
    this.#writer.varint(varintBytes(header) + payloadBytes(message));
    this.#writer.varint(header);
    writePayload(this.#writer, message);
  }
}

/** Undefined for what hypercore-protocol 6 ignores: bodies of one byte, and types that nobody knows. */
function decodeBody(
  body: Uint8Array,
): { readonly kind: 'message'; readonly channel: number; readonly message: WireMessage } | undefined {
  if (body.length < 2) return undefined;
  let header = body[0] as number;
  let at = 1;
  // CHANNELS_MAX channels and 16 types fit two bytes.
  if (header >= 128) {
    const second = body[at++] as number;
    if (second >= 128) throw new FeedError('malformed', `a channel of ${CHANNELS_MAX} or more`);
    header = (header & 127) + second * 128;
  }
  const channel = header >> 4;
  if (channel >= CHANNELS_MAX) throw new FeedError('malformed', `a channel of ${CHANNELS_MAX} or more`);
  const message = decodePayload(header & 15, body.subarray(at));
  return message === undefined ? undefined : { kind: 'message', channel, message };
}
