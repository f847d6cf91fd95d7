/** The fast crypto suite for Node, on libsodium. */
import { createHash, hash as hashOnce } from 'node:crypto';
import sodium from 'sodium-native';
import { portableArgon2id } from '../argon2id.ts';
import { smallBytes } from '../bytes.ts';
import type { Argon2Cost, CryptoSuite, KeyPair, Sha256 } from '../crypto-suite.ts';

export class SodiumSuite implements CryptoSuite {
  blake2b(...parts: readonly Uint8Array[]): Uint8Array {
    const digest = smallBytes(32);
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) sodium.crypto_generichash(digest, only);
    else sodium.crypto_generichash_batch(digest, parts as Uint8Array[]);
    return digest;
  }

  blake2bKeyed(key: Uint8Array, message: Uint8Array): Uint8Array {
    const digest = new Uint8Array(32);
    sodium.crypto_generichash(digest, message, key);
    return digest;
  }

  sha256(...parts: readonly Uint8Array[]): Uint8Array {
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return new Uint8Array(hashOnce('sha256', only, 'buffer'));
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    // A plain byte array: the slice of a Buffer is no copy, and portable code counts on one.
    return new Uint8Array(hash.digest());
  }

  sha256Hex(bytes: Uint8Array): string {
    return hashOnce('sha256', bytes, 'hex');
  }

  keyPair(seed: Uint8Array): KeyPair {
    const publicKey = new Uint8Array(32);
    const secretKey = new Uint8Array(64);
    sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
    return { publicKey, secretKey };
  }

  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
    const signature = new Uint8Array(64);
    sodium.crypto_sign_detached(signature, message, secretKey);
    return signature;
  }

  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
    if (signature.length !== 64 || publicKey.length !== 32) return false;
    return sodium.crypto_sign_verify_detached(signature, message, publicKey);
  }

  /** On a thread of libuv's pool, and its memory goes back when it is done. libsodium knows one lane, as our floor asks for. */
  async argon2id(password: Uint8Array, salt: Uint8Array, cost: Argon2Cost): Promise<Uint8Array> {
    if (cost.lanes !== 1) return portableArgon2id(password, salt, cost);
    const key = new Uint8Array(cost.bytes);
    const { passes, memoryKib } = cost;
    await sodium.crypto_pwhash_async(
      key,
      password,
      salt,
      passes,
      memoryKib * 1024,
      sodium.crypto_pwhash_ALG_ARGON2ID13,
    );
    return key;
  }

  createSha256(): Sha256 {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  }
}
