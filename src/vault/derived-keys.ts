/**
 * What a password or a recovery code comes to: a key pair that proves it to the home, and a key that opens the vault
 * record. HKDF keeps them apart, so the home, which sees the public key, learns nothing of the other.
 */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type CryptoSuite, type KeyPair, utf8 } from '../base/index.ts';

export interface DerivedKeys {
  /** Ed25519: authenticates enrolment or recovery at the home. */
  readonly authentication: KeyPair;
  /** 32 bytes: opens the content key of the vault record. */
  readonly vaultKey: Uint8Array;
}

export type KeyPurpose = 'enrolment' | 'recovery';

/** `secret` is uniform: the output of Argon2id, or a recovery code's randomness. */
export function splitKeys(suite: CryptoSuite, purpose: KeyPurpose, secret: Uint8Array): DerivedKeys {
  const derive = (use: string): Uint8Array => hkdf(sha256, secret, undefined, utf8(`restante ${purpose} 1 ${use}`), 32);
  return { authentication: suite.keyPair(derive('authentication')), vaultKey: derive('vault') };
}
