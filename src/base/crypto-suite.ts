/**
 * The few primitives that logs and signatures need, as a port: `NobleSuite` is portable, `SodiumSuite` (base/system) is
 * twenty times faster and the one servers use. Both pass `crypto-suite.contract.ts`.
 */
export interface KeyPair {
  /** Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519 secret key in libsodium's layout: seed ‖ public key, 64 bytes. */
  readonly secretKey: Uint8Array;
}

/** Takes bytes until it is asked, once. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/** Memory in KiB, passes over it, lanes; bytes of the result. */
export interface Argon2Cost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
  readonly bytes: number;
}

export interface CryptoSuite {
  /** BLAKE2b-256 over the parts joined (Dat v6: leaf, parent and root hashes). */
  blake2b(...parts: readonly Uint8Array[]): Uint8Array;
  /** Keyed BLAKE2b-256 (Dat v6: discovery key). */
  blake2bKeyed(key: Uint8Array, message: Uint8Array): Uint8Array;
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** The same of one part, as 64 hexadecimal digits. */
  sha256Hex(bytes: Uint8Array): string;
  /** SHA-256 of what comes piece by piece. */
  createSha256(): Sha256;
  /** The key pair of a 32-byte seed (RFC 8032). */
  keyPair(seed: Uint8Array): KeyPair;
  /** Ed25519 signature, 64 bytes. */
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
  /** False for a wrong signature and for inputs of a wrong length; never throws. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  /** What a password is stretched to (RFC 9106, Argon2id 1.3); the salt has 16 bytes. Takes some tenths of a second. */
  argon2id(password: Uint8Array, salt: Uint8Array, cost: Argon2Cost): Promise<Uint8Array>;
}
