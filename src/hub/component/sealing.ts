/**
 * A sealed box: only the holder of an X25519 key opens it. An ephemeral key agrees with the receiver's, HKDF-SHA256 makes a
 * key of the result and both public keys, the vault's at-rest sealing encrypts. Who sealed is not said: a bus message around
 * it is signed. `purpose` is authenticated, so a box for one use does not open in another.
 *
 * Form: ephemeral public key (32) ‖ sealed record.
 */
import { hkdfSync } from 'node:crypto';
import { concatBytes, type SecureRandom, utf8 } from '../../base/index.ts';
import { AT_REST_OVERHEAD_BYTES, openAtRest, sealAtRest } from '../../vault/at-rest.ts';
import { HubError } from '../hub-error.ts';
import { type ComponentKeys, KEY_BYTES } from './keys.ts';
import { publicKeyOf, sharedSecretOf } from './x25519.ts';

/** How much longer a sealed box is than what it holds. */
export const SEALED_BOX_OVERHEAD_BYTES: number = KEY_BYTES + AT_REST_OVERHEAD_BYTES;

/** `sealingKey` is the receiver's public X25519 key. */
export function sealTo(random: SecureRandom, sealingKey: Uint8Array, purpose: string, secret: Uint8Array): Uint8Array {
  const ephemeral = random.bytes(KEY_BYTES);
  const ephemeralPublic = publicKeyOf(ephemeral);
  const key = boxKey(sharedSecretOf(ephemeral, sealingKey), ephemeralPublic, sealingKey);
  return concatBytes(ephemeralPublic, sealAtRest(random, key, utf8(purpose), secret));
}

/** Throws HubError `not_sealed_to_us`, whatever is wrong with it. */
export function openSealed(keys: ComponentKeys['sealing'], purpose: string, sealed: Uint8Array): Uint8Array {
  const ephemeralPublic = sealed.slice(0, KEY_BYTES);
  try {
    const shared = sharedSecretOf(keys.secretKey, ephemeralPublic);
    return openAtRest(boxKey(shared, ephemeralPublic, keys.publicKey), utf8(purpose), sealed.subarray(KEY_BYTES));
  } catch (cause) {
    throw new HubError('not_sealed_to_us', 'a sealed secret does not open with this key for this purpose', { cause });
  }
}

function boxKey(shared: Uint8Array, ephemeralPublic: Uint8Array, receiver: Uint8Array): Uint8Array {
  const salt = concatBytes(ephemeralPublic, receiver);
  return new Uint8Array(hkdfSync('sha256', shared, salt, 'restante sealed box 1', KEY_BYTES));
}
