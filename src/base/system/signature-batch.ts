/**
 * Signatures on their way to a thread and the verdicts on their way back, in one buffer that travels to and fro: no object
 * and no allocation for each. Both ends are this program, so nothing is checked here.
 *
 *     for each: message size 4 ‖ signature 64 ‖ public key 32 ‖ message
 *
 * The verdicts, one byte each, then stand at the beginning.
 */
import { readUint32, writeUint32 } from '../bytes.ts';
import type { CryptoSuite } from '../crypto-suite.ts';
import type { SignedBytes } from '../signature-checker.ts';

const SIGNATURE_BYTES = 64;
const KEY_BYTES = 32;
const HEAD_BYTES = 4 + SIGNATURE_BYTES + KEY_BYTES;
/** Stands for a signature or a key of a wrong length, which nothing verifies by. */
const NOT_ONE = 0xffff_ffff;

export class SignatureBatch {
  #bytes: Uint8Array<ArrayBuffer>;
  #size = 0;
  #count = 0;

  constructor(buffer: ArrayBuffer) {
    this.#bytes = new Uint8Array(buffer);
  }

  get count(): number {
    return this.#count;
  }

  get sizeBytes(): number {
    return this.#size;
  }

  get buffer(): ArrayBuffer {
    return this.#bytes.buffer;
  }

  add({ signature, message, publicKey }: SignedBytes): void {
    const start = this.#size;
    const end = start + HEAD_BYTES + message.length;
    this.#grow(end);
    const isOne = signature.length === SIGNATURE_BYTES && publicKey.length === KEY_BYTES;
    writeUint32(this.#bytes, start, isOne ? message.length : NOT_ONE);
    if (isOne) {
      this.#bytes.set(signature, start + 4);
      this.#bytes.set(publicKey, start + 4 + SIGNATURE_BYTES);
      this.#bytes.set(message, start + HEAD_BYTES);
    }
    this.#size = isOne ? end : start + HEAD_BYTES;
    this.#count += 1;
  }

  #grow(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }
}

/** Verifies what a batch holds; the verdicts stand at the beginning of the buffer afterwards. */
export function judgeBatch(suite: CryptoSuite, buffer: ArrayBuffer, count: number): void {
  const bytes = new Uint8Array(buffer);
  let start = 0;
  for (let i = 0; i < count; i++) {
    const size = readUint32(bytes, start);
    const keyAt = start + 4 + SIGNATURE_BYTES;
    const messageAt = start + HEAD_BYTES;
    const end = messageAt + (size === NOT_ONE ? 0 : size);
    const right =
      size !== NOT_ONE &&
      suite.verify(bytes.subarray(start + 4, keyAt), bytes.subarray(messageAt, end), bytes.subarray(keyAt, messageAt));
    // Each entry is longer than all verdicts before it: nothing unread is overwritten.
    bytes[i] = right ? 1 : 0;
    start = end;
  }
}
