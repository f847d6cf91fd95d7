/**
 * Hashes as they are, and signatures that cost a hash: each names its key and its message and is refused for another, but
 * anybody could make it. For worlds of honest people, where Ed25519 would take most of the time and find nothing more.
 */
import {
  type Argon2Cost,
  type CryptoSuite,
  concatBytes,
  equalBytes,
  type KeyPair,
  type Sha256,
} from '../base/index.ts';

type Hashes = Pick<CryptoSuite, 'argon2id' | 'createSha256' | 'blake2b' | 'blake2bKeyed' | 'sha256' | 'sha256Hex'>;

export class OpenSuite implements CryptoSuite {
  readonly #hashes: Hashes;

  constructor(hashes: Hashes) {
    this.#hashes = hashes;
  }

  blake2b(...parts: readonly Uint8Array[]): Uint8Array {
    return this.#hashes.blake2b(...parts);
  }

  blake2bKeyed(key: Uint8Array, message: Uint8Array): Uint8Array {
    return this.#hashes.blake2bKeyed(key, message);
  }

  sha256(...parts: readonly Uint8Array[]): Uint8Array {
    return this.#hashes.sha256(...parts);
  }

  sha256Hex(bytes: Uint8Array): string {
    return this.#hashes.sha256Hex(bytes);
  }

  createSha256(): Sha256 {
    return this.#hashes.createSha256();
  }

  keyPair(seed: Uint8Array): KeyPair {
    const publicKey = this.sha256(seed);
    return { publicKey, secretKey: concatBytes(seed, publicKey) };
  }

  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
    return this.#signatureOf(message, secretKey.subarray(32));
  }

  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
    return publicKey.length === 32 && equalBytes(signature, this.#signatureOf(message, publicKey));
  }

  argon2id(password: Uint8Array, salt: Uint8Array, cost: Argon2Cost): Promise<Uint8Array> {
    return this.#hashes.argon2id(password, salt, cost);
  }

  #signatureOf(message: Uint8Array, publicKey: Uint8Array): Uint8Array {
    const half = this.sha256(concatBytes(publicKey, message));
    return concatBytes(half, half);
  }
}
