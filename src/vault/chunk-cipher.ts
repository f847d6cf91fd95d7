/**
 * The pieces of one large attachment (docs/protocol/blobs.md): AES-256-GCM by Web Crypto, which every platform has in
 * machine code and off this thread. The key is random and of this attachment alone, so a chunk's number can be its nonce;
 * the number of all chunks is authenticated too. A piece that is cut, moved or foreign does not open.
 */
import { concatBytes, invariant, uint64Bytes, utf8 } from '../base/index.ts';
import { ATTACHMENT_KEY_BYTES, CHUNK_BYTES, CHUNK_TAG_BYTES } from '../protocol/index.ts';
import { VaultError } from './vault-error.ts';

const CONTEXT = utf8('restante attachment 1\n');
/** 96 bits, of which the number takes 64. */
const NONCE_PREFIX = new Uint8Array(4);

/** Seals chunks by their numbers, as `ChunkCipher` does, and opens none: for those who may not read mail. */
export type ChunkSealer = Pick<ChunkCipher, 'seal'>;

/** As `ChunkCipher.open`. */
export async function openChunkSealer(key: Uint8Array, chunkCount: number): Promise<ChunkSealer> {
  const cipher = await ChunkCipher.open(key, chunkCount);
  return { seal: (number, bytes) => cipher.seal(number, bytes) };
}

/** As the platform calls it: Node's types and the Web's have different names for one thing. */
type SubtleKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

export class ChunkCipher {
  readonly #key: SubtleKey;
  readonly #context: Uint8Array<ArrayBuffer>;
  readonly #chunkCount: number;

  private constructor(key: SubtleKey, chunkCount: number) {
    this.#key = key;
    this.#chunkCount = chunkCount;
    this.#context = concatBytes(CONTEXT, uint64Bytes(chunkCount)) as Uint8Array<ArrayBuffer>;
  }

  /** `key` has 32 bytes and is used for no other content. */
  static async open(key: Uint8Array, chunkCount: number): Promise<ChunkCipher> {
    invariant(key.length === ATTACHMENT_KEY_BYTES, 'the key of an attachment has 32 bytes');
    const bytes = key as Uint8Array<ArrayBuffer>;
    const imported = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
    return new ChunkCipher(imported, chunkCount);
  }

  /** `number` is 1, 2, 3 … */
  async seal(number: number, bytes: Uint8Array): Promise<Uint8Array> {
    invariant(bytes.length >= 1 && bytes.length <= CHUNK_BYTES, 'a chunk has 1 to CHUNK_BYTES bytes');
    const parameters = this.#parametersOf(number);
    return new Uint8Array(await crypto.subtle.encrypt(parameters, this.#key, bytes as Uint8Array<ArrayBuffer>));
  }

  /** Throws VaultError `malformed` or `tampered`. */
  async open(number: number, sealed: Uint8Array): Promise<Uint8Array> {
    if (sealed.length <= CHUNK_TAG_BYTES || sealed.length > CHUNK_BYTES + CHUNK_TAG_BYTES)
      throw new VaultError('malformed', 'not a chunk of an attachment');
    const parameters = this.#parametersOf(number);
    try {
      return new Uint8Array(await crypto.subtle.decrypt(parameters, this.#key, sealed as Uint8Array<ArrayBuffer>));
    } catch (cause) {
      throw new VaultError('tampered', `chunk ${number} does not open with the key of its attachment`, { cause });
    }
  }

  #parametersOf(number: number): Parameters<typeof crypto.subtle.encrypt>[0] {
    invariant(number >= 1 && number <= this.#chunkCount, 'a chunk has a number of its attachment');
    const iv = concatBytes(NONCE_PREFIX, uint64Bytes(number)) as Uint8Array<ArrayBuffer>;
    return { name: 'AES-GCM', iv, additionalData: this.#context, tagLength: CHUNK_TAG_BYTES * 8 };
  }
}
