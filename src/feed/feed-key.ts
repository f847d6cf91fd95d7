/** A feed's keys: Ed25519, and the discovery key by which the world may know the feed without being able to read it. */
import { type CryptoSuite, equalBytes, fromHex, type KeyPair, type SecureRandom, toHex, utf8 } from '../base/index.ts';
import { FeedError } from './feed-error.ts';

export interface FeedKeyPair extends KeyPair {
  /** 32 bytes. */
  readonly discoveryKey: Uint8Array;
}

const SEED_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
const SECRET_KEY_BYTES = 64;
// Lower case: DEP-0010 prints capitals, but every implementation hashes this.
const DISCOVERY_MESSAGE = utf8('hypercore');

export function createFeedKeys(deps: { readonly suite: CryptoSuite; readonly random: SecureRandom }): FeedKeyPair {
  const keys = deps.suite.keyPair(deps.random.bytes(SEED_BYTES));
  return { ...keys, discoveryKey: discoveryKeyOf(deps.suite, keys.publicKey) };
}

/** BLAKE2b-256 of "hypercore", keyed with the public key. */
export function discoveryKeyOf(suite: CryptoSuite, publicKey: Uint8Array): Uint8Array {
  return suite.blake2bKeyed(publicKey, DISCOVERY_MESSAGE);
}

/** A public key from 64 hexadecimal digits of either case, with or without `dat://`. Throws FeedError `wrong_key`. */
export function parseFeedKey(text: string): Uint8Array {
  const digits = /^(?:dat:\/\/)?([0-9a-f]{64})\/?$/i.exec(text)?.[1];
  if (digits === undefined)
    throw new FeedError('wrong_key', `not a feed's key: ${JSON.stringify(text.slice(0, 80))}`, {
      fix: 'Give its 64 hexadecimal digits.',
    });
  return fromHex(digits.toLowerCase());
}

export function formatFeedKey(publicKey: Uint8Array): string {
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw new FeedError('wrong_key', 'a feed key has 32 bytes');
  return toHex(publicKey);
}

export function isSecretOf(suite: CryptoSuite, secretKey: Uint8Array, publicKey: Uint8Array): boolean {
  if (secretKey.length !== SECRET_KEY_BYTES) return false;
  const pair = suite.keyPair(secretKey.subarray(0, SEED_BYTES));
  return equalBytes(pair.publicKey, publicKey) && equalBytes(pair.secretKey, secretKey);
}
