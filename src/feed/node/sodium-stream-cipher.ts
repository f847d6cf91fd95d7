/** XSalsa20 on libsodium: ten times the portable one. */
import sodium from 'sodium-native';
import type { CreateStreamCipher, StreamCipher } from '../wire/index.ts';

class SodiumStreamCipher implements StreamCipher {
  readonly #state = new Uint8Array(sodium.crypto_stream_xor_STATEBYTES);

  constructor(key: Uint8Array, nonce: Uint8Array) {
    sodium.crypto_stream_xor_init(this.#state, nonce, key);
  }

  apply(bytes: Uint8Array): void {
    if (bytes.length > 0) sodium.crypto_stream_xor_update(this.#state, bytes, bytes);
  }
}

export const createSodiumStreamCipher: CreateStreamCipher = (key, nonce) => new SodiumStreamCipher(key, nonce);
