/** X25519 by the platform's libsodium: an implementation in JavaScript would cost each user server its code and tables. */
import sodium from 'sodium-native';

const KEY_BYTES = 32;

export function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  const publicKey = new Uint8Array(KEY_BYTES);
  sodium.crypto_scalarmult_base(publicKey, secretKey);
  return publicKey;
}

/** Throws for a public key with which everybody would agree on the same secret. */
export function sharedSecretOf(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const shared = new Uint8Array(KEY_BYTES);
  sodium.crypto_scalarmult(shared, secretKey, publicKey);
  return shared;
}
