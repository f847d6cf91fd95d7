/**
 * Encryption of what a device keeps, and of the parts of a vault record: XChaCha20-Poly1305. The nonce of 24 bytes is
 * random, so any number of records can share a key. `context` says what a record is and where it belongs (a purpose and,
 * say, its store key); it is authenticated, not stored, so a record moved to another place does not open.
 *
 * Form: version (1 byte, 1) ‖ nonce (24) ‖ ciphertext ‖ tag (16).
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import type { SecureRandom } from '../base/index.ts';
import { VaultError } from './vault-error.ts';

const VERSION = 1;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES;

/** How much longer a sealed record is. */
export const AT_REST_OVERHEAD_BYTES: number = HEADER_BYTES + TAG_BYTES;

/** `key` has 32 bytes. */
export function sealAtRest(random: SecureRandom, key: Uint8Array, context: Uint8Array, bytes: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(bytes.length + AT_REST_OVERHEAD_BYTES);
  sealed[0] = VERSION;
  const nonce = random.bytes(NONCE_BYTES);
  sealed.set(nonce, 1);
  xchacha20poly1305(key, nonce, context).encrypt(bytes, sealed.subarray(HEADER_BYTES));
  return sealed;
}

/** Throws VaultError `malformed` or `tampered` (also for another key or another context). */
export function openAtRest(key: Uint8Array, context: Uint8Array, sealed: Uint8Array): Uint8Array {
  if (sealed.length < AT_REST_OVERHEAD_BYTES || sealed[0] !== VERSION)
    throw new VaultError('malformed', 'not a sealed record');
  const cipher = xchacha20poly1305(key, sealed.subarray(1, HEADER_BYTES), context);
  try {
    return cipher.decrypt(sealed.subarray(HEADER_BYTES));
  } catch (cause) {
    throw new VaultError('tampered', 'a sealed record does not open with this key in this place', { cause });
  }
}
