/**
 * The keys of a component: Ed25519 signs what it says on the bus, X25519 opens what is sealed to it. Made by whoever
 * launches it, who hands over the private half and forgets it.
 */
import { type CryptoSuite, fromBase64, type KeyPair, type SecureRandom, toBase64 } from '../../base/index.ts';
import { HubError } from '../hub-error.ts';
import { publicKeyOf } from './x25519.ts';

export interface ComponentKeys {
  readonly signing: KeyPair;
  readonly sealing: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };
}

/** What others know of a component. */
export interface PublicKeys {
  /** Ed25519, 32 bytes. */
  readonly signing: Uint8Array;
  /** X25519, 32 bytes. */
  readonly sealing: Uint8Array;
}

export const KEY_BYTES = 32;

export function createComponentKeys(suite: CryptoSuite, random: SecureRandom): ComponentKeys {
  return componentKeysOf(suite, { signing: random.bytes(KEY_BYTES), sealing: random.bytes(KEY_BYTES) });
}

/** The private half as two seeds: what a launch message carries. */
export interface KeySeeds {
  readonly signing: Uint8Array;
  readonly sealing: Uint8Array;
}

export function seedsOf(keys: ComponentKeys): KeySeeds {
  return { signing: keys.signing.secretKey.slice(0, KEY_BYTES), sealing: keys.sealing.secretKey };
}

export function componentKeysOf(suite: CryptoSuite, seeds: KeySeeds): ComponentKeys {
  const { sealing: secretKey } = seeds;
  return {
    signing: suite.keyPair(seeds.signing),
    sealing: { publicKey: publicKeyOf(secretKey), secretKey },
  };
}

export function publicKeysOf(keys: ComponentKeys): PublicKeys {
  return { signing: keys.signing.publicKey, sealing: keys.sealing.publicKey };
}

/** 64 bytes in unpadded base64. */
export function encodePublicKeys(keys: PublicKeys): string {
  return toBase64(Uint8Array.of(...keys.signing, ...keys.sealing));
}

/** Throws HubError `malformed`. */
export function decodePublicKeys(text: string): PublicKeys {
  const bytes = decodePair(text);
  return { signing: bytes.slice(0, KEY_BYTES), sealing: bytes.slice(KEY_BYTES) };
}

/** Private: for the launch message only. */
export function encodeKeySeeds(keys: ComponentKeys): string {
  const seeds = seedsOf(keys);
  return toBase64(Uint8Array.of(...seeds.signing, ...seeds.sealing));
}

/** Throws HubError `malformed`. */
export function decodeKeySeeds(suite: CryptoSuite, text: string): ComponentKeys {
  const bytes = decodePair(text);
  return componentKeysOf(suite, { signing: bytes.slice(0, KEY_BYTES), sealing: bytes.slice(KEY_BYTES) });
}

function decodePair(text: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(text);
  } catch (cause) {
    throw new HubError('malformed', 'keys that are not base64', { cause });
  }
  if (bytes.length !== 2 * KEY_BYTES) throw new HubError('malformed', `a pair of keys has ${2 * KEY_BYTES} bytes`);
  return bytes;
}
