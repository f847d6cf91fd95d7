/**
 * Whether PDUs are by the devices that they name. The keys of our own people come from their chains here, those of others
 * from the chains their homes publish; what a device signed before it was revoked stays right.
 */
import type { Clock, CryptoSuite, SignatureChecker, SignedBytes } from '../../base/index.ts';
import {
  type AccountDocument,
  type Address,
  type DeviceId,
  deviceIdOf,
  type HomeName,
  homeOf,
  type Pdu,
  signedBytesOf,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import type { LocalPeople } from './pdu-view.ts';
import type { People } from './people.ts';

export type Authorship =
  | { readonly status: 'right' }
  /** Nobody could be asked for the author's keys. */
  | { readonly status: 'later'; readonly detail: string }
  | {
      readonly status: 'wrong';
      readonly code: 'unknown_author' | 'unknown_device' | 'bad_signature';
      readonly detail: string;
    };

export interface AuthorCheckDeps {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly suite: CryptoSuite;
  readonly signatures: SignatureChecker;
  readonly people: Pick<People, 'find' | 'refresh'>;
  readonly local: Pick<LocalPeople, 'catchUp' | 'deviceKeys'>;
}

type DeviceKeys = ReadonlyMap<DeviceId, Uint8Array>;

const RIGHT: Authorship = Object.freeze({ status: 'right' });

export class AuthorCheck {
  readonly #deps: AuthorCheckDeps;
  readonly #home: HomeName;
  /** A device's name is a hash of its key: made once for a document, not for each PDU. */
  readonly #devices = new WeakMap<AccountDocument, DeviceKeys>();

  constructor(deps: AuthorCheckDeps, options: { readonly home: HomeName }) {
    this.#deps = deps;
    this.#home = options.home;
  }

  /** In the order of `pdus`; all signatures are checked together. */
  async check(pdus: readonly Pdu[], signal: AbortSignal): Promise<readonly Authorship[]> {
    const since = this.#deps.clock.monotonic();
    // One question for each author, however much they wrote.
    const known = new Map<Address, Promise<DeviceKeys | undefined>>();
    for (const { author } of pdus) if (!known.has(author)) known.set(author, this.#keysOf(author, signal));
    const keys = await Promise.all(pdus.map((pdu) => this.#keyOf(pdu, known.get(pdu.author), since, signal)));
    const signed: SignedBytes[] = [];
    pdus.forEach((pdu, i) => {
      const publicKey = keys[i];
      if (publicKey instanceof Uint8Array)
        signed.push({ signature: pdu.signature, message: signedBytesOf(pdu), publicKey });
    });
    const right = await this.#deps.signatures.check(signed);
    let next = 0;
    return pdus.map((pdu, i): Authorship => {
      const key = keys[i];
      if (!(key instanceof Uint8Array)) return key as Authorship;
      if (right[next++] === true) return RIGHT;
      const detail = `the signature is not by the device that the header names (${pdu.device})`;
      return { status: 'wrong', code: 'bad_signature', detail };
    });
  }

  /** The device's key, or why there is none. */
  async #keyOf(
    pdu: Pdu,
    known: Promise<DeviceKeys | undefined> | undefined,
    since: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | Authorship> {
    try {
      const keys = await known;
      const key = keys?.get(pdu.device);
      if (key !== undefined) return key;
      if (homeOf(pdu.author) === this.#home) return await this.#ownKeyOf(pdu);
      // A device that was added since we asked. Who was asked too recently is judged later: the device may be newer than that.
      const document = await this.#deps.people.refresh(pdu.author, since, signal);
      const added = document === undefined ? undefined : this.#keysIn(document);
      return added?.get(pdu.device) ?? unknown(pdu, added);
    } catch (error) {
      if (!(error instanceof FederationError)) throw error;
      return { status: 'later', detail: `the keys of ${pdu.author} cannot be had now: ${error.code}` };
    }
  }

  /** Of this home, which may know more of its people than this node does. Throws FederationError. */
  async #ownKeyOf(pdu: Pdu): Promise<Uint8Array | Authorship> {
    await this.#deps.local.catchUp(pdu.author);
    const keys = await this.#deps.local.deviceKeys(pdu.author);
    const named = keys === undefined ? undefined : this.#named(keys);
    return named?.get(pdu.device) ?? unknown(pdu, named);
  }

  async #keysOf(author: Address, signal: AbortSignal): Promise<DeviceKeys | undefined> {
    if (homeOf(author) === this.#home) {
      const keys = await this.#deps.local.deviceKeys(author);
      return keys === undefined ? undefined : this.#named(keys);
    }
    const document = await this.#deps.people.find(author, signal);
    return document === undefined ? undefined : this.#keysIn(document);
  }

  #keysIn(document: AccountDocument): DeviceKeys {
    let keys = this.#devices.get(document);
    if (keys === undefined) {
      keys = this.#named([...document.devices, ...document.revoked].map(({ key }) => key));
      this.#devices.set(document, keys);
    }
    return keys;
  }

  #named(keys: readonly Uint8Array[]): DeviceKeys {
    return new Map(keys.map((key) => [deviceIdOf(this.#deps.suite, key), key]));
  }
}

function unknown(pdu: Pdu, keys: DeviceKeys | undefined): Authorship {
  return keys === undefined
    ? { status: 'wrong', code: 'unknown_author', detail: `no such account: ${pdu.author}` }
    : { status: 'wrong', code: 'unknown_device', detail: `${pdu.author} has no device ${pdu.device}` };
}
