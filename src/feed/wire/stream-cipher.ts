/**
 * XSalsa20 over a whole byte stream, as a port: the keystream goes on from call to call. `NobleStreamCipher` is portable,
 * `SodiumStreamCipher` (feed/node) ten times faster. Both pass `stream-cipher.contract.ts`.
 */
import { xsalsa20 } from '@noble/ciphers/salsa.js';

export interface StreamCipher {
  /** Encrypts or decrypts in place what comes next in the stream. */
  apply(bytes: Uint8Array): void;
}

/** A key has 32 bytes, a nonce 24. */
export type CreateStreamCipher = (key: Uint8Array, nonce: Uint8Array) => StreamCipher;

const BLOCK_BYTES = 64;

class NobleStreamCipher implements StreamCipher {
  readonly #key: Uint8Array;
  readonly #nonce: Uint8Array;
  /** Whole blocks of keystream that are used up, and what is left of the one after them. */
  #counter = 0;
  #left: Uint8Array = new Uint8Array(0);

  constructor(key: Uint8Array, nonce: Uint8Array) {
    this.#key = key;
    this.#nonce = nonce;
  }

  apply(bytes: Uint8Array): void {
    const begun = Math.min(this.#left.length, bytes.length);
    xorInto(bytes.subarray(0, begun), this.#left);
    this.#left = this.#left.subarray(begun);
    const rest = bytes.subarray(begun);
    const whole = rest.length - (rest.length % BLOCK_BYTES);
    if (whole > 0) {
      // A copy: noble wants words at word boundaries, and the view may lie anywhere.
      rest.set(xsalsa20(this.#key, this.#nonce, rest.slice(0, whole), undefined, this.#counter));
      this.#counter += whole / BLOCK_BYTES;
    }
    if (whole === rest.length) return;
    const keystream = xsalsa20(this.#key, this.#nonce, new Uint8Array(BLOCK_BYTES), undefined, this.#counter);
    this.#counter += 1;
    const tail = rest.subarray(whole);
    xorInto(tail, keystream);
    this.#left = keystream.subarray(tail.length);
  }
}

export const createNobleStreamCipher: CreateStreamCipher = (key, nonce) => new NobleStreamCipher(key, nonce);

function xorInto(bytes: Uint8Array, keystream: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ (keystream[i] as number);
}
