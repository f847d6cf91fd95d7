/** The portable crypto suite, on @noble; Argon2 in WebAssembly, since in JavaScript it takes seconds. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { blake2b } from '@noble/hashes/blake2.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { portableArgon2id } from './argon2id.ts';
import { concatBytes, toHex } from './bytes.ts';
import type { Argon2Cost, CryptoSuite, KeyPair, Sha256 } from './crypto-suite.ts';
import { invariant } from './errors.ts';

const DIGEST = { dkLen: 32 } as const;

export class NobleSuite implements CryptoSuite {
  blake2b(...parts: readonly Uint8Array[]): Uint8Array {
    const hash = blake2b.create(DIGEST);
    for (const part of parts) hash.update(part);
    return hash.digest();
  }

  blake2bKeyed(key: Uint8Array, message: Uint8Array): Uint8Array {
    return blake2b(message, { ...DIGEST, key });
  }

  sha256(...parts: readonly Uint8Array[]): Uint8Array {
    const hash = sha256.create();
    for (const part of parts) hash.update(part);
    return hash.digest();
  }

  sha256Hex(bytes: Uint8Array): string {
    return toHex(this.sha256(bytes));
  }

  createSha256(): Sha256 {
    const hash = sha256.create();
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
  }

  keyPair(seed: Uint8Array): KeyPair {
    const publicKey = ed25519.getPublicKey(seed);
    return { publicKey, secretKey: concatBytes(seed, publicKey) };
  }

  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
    invariant(secretKey.length === 64, 'an Ed25519 secret key has 64 bytes');
    return ed25519.sign(message, secretKey.subarray(0, 32));
  }

  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
    if (signature.length !== 64 || publicKey.length !== 32) return false;
    // zip215: false keeps to RFC 8032, as libsodium does: one message has one valid signature spelling.
    try {
      return ed25519.verify(signature, message, publicKey, { zip215: false });
    } catch {
      return false; // the point does not decode: a wrong key is a wrong signature
    }
  }

  argon2id(password: Uint8Array, salt: Uint8Array, cost: Argon2Cost): Promise<Uint8Array> {
    return portableArgon2id(password, salt, cost);
  }
}
