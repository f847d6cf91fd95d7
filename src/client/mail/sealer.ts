/**
 * Sealing what a person can read before it goes to the store, and pseudonyms for keys that would otherwise say something.
 * A record is bound to its store key, so one moved to another place does not open. Keys come from the account's storage
 * key, one for each use.
 */
import { type CryptoSuite, fromUtf8, type SecureRandom, utf8 } from '../../base/index.ts';
import { openAtRest, sealAtRest, VaultError } from '../../vault/index.ts';
import { ClientError } from '../client-error.ts';

export class Sealer {
  readonly #suite: CryptoSuite;
  readonly #random: SecureRandom;
  readonly #recordKey: Uint8Array;
  readonly #pseudonymKey: Uint8Array;

  constructor(deps: { readonly suite: CryptoSuite; readonly random: SecureRandom }, storageKey: Uint8Array) {
    this.#suite = deps.suite;
    this.#random = deps.random;
    this.#recordKey = deps.suite.blake2bKeyed(storageKey, utf8('restante client records 1'));
    this.#pseudonymKey = deps.suite.blake2bKeyed(storageKey, utf8('restante client pseudonyms 1'));
  }

  seal(key: Uint8Array, record: object): Uint8Array {
    return this.sealBytes(key, utf8(JSON.stringify(record)));
  }

  sealBytes(key: Uint8Array, bytes: Uint8Array): Uint8Array {
    return sealAtRest(this.#random, this.#recordKey, key, bytes);
  }

  /** Throws ClientError `corrupt_store`, also for a record of another place or account. */
  open<Shape extends object>(key: Uint8Array, sealed: Uint8Array): Shape {
    return JSON.parse(fromUtf8(this.openBytes(key, sealed))) as Shape;
  }

  /** As `open`. */
  openBytes(key: Uint8Array, sealed: Uint8Array): Uint8Array {
    try {
      return openAtRest(this.#recordKey, key, sealed);
    } catch (cause) {
      if (!(cause instanceof VaultError)) throw cause;
      throw new ClientError('corrupt_store', 'a record of the store does not open', {
        cause,
        fix: 'add the account to this device again with `restante account add`',
      });
    }
  }

  /** 16 bytes that stand for `name` in a key: the same for the same name, telling nothing without the storage key. */
  pseudonym(use: string, name: string): Uint8Array {
    return this.#suite.blake2bKeyed(this.#pseudonymKey, utf8(`${use}\n${name}`)).slice(0, 16);
  }
}
