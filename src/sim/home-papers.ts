/** The signed documents of simulated homes and their people, made of their names: the same in every run, so made once. */
import { type CryptoSuite, type KeyPair, utf8 } from '../base/index.ts';
import { discoveryKeyOf } from '../feed/index.ts';
import {
  type Address,
  accountContentJson,
  bodyOf,
  countersignDocument,
  deviceIdOf,
  feedIdOf,
  type HomeDocument,
  type HomeName,
  homeContentJson,
  homeOf,
  parseHomeDocument,
  signDocument,
} from '../protocol/index.ts';

export class HomePapers {
  readonly suite: CryptoSuite;
  readonly #homes = new Map<HomeName, HomeDocument>();
  readonly #accounts = new Map<Address, Uint8Array>();

  constructor(suite: CryptoSuite) {
    this.suite = suite;
  }

  /** The key pair of a person's one device. */
  deviceOf(address: Address): KeyPair {
    return this.#keysOf(`device ${address}`);
  }

  homeKeyOf(home: HomeName): KeyPair {
    return this.#keysOf(`home ${home}`);
  }

  feedKeysOf(home: HomeName): KeyPair {
    return this.#keysOf(`feed ${home}`);
  }

  keyLogKeyOf(home: HomeName): Uint8Array {
    return this.#keysOf(`key log ${home}`).publicKey;
  }

  documentOf(home: HomeName): HomeDocument {
    const known = this.#homes.get(home);
    if (known !== undefined) return known;
    const { suite } = this;
    const key = this.homeKeyOf(home);
    const feed = feedIdOf(discoveryKeyOf(suite, this.feedKeysOf(home).publicKey));
    const node = { name: 'one', key: this.#keysOf(`node ${home}`).publicKey, urls: [], feed, retired: [] };
    const content = homeContentJson({
      home,
      version: 1,
      previous: null,
      time: 0,
      key: key.publicKey,
      keyLog: this.keyLogKeyOf(home),
      nodes: [node],
      registrar: node.name,
    });
    const document = parseHomeDocument(suite, signDocument(suite, content, [key]));
    this.#homes.set(home, document);
    return document;
  }

  /** Version 1 of an account, as its home shows it. */
  accountOf(address: Address): Uint8Array {
    const known = this.#accounts.get(address);
    if (known !== undefined) return known;
    const { suite } = this;
    const identity = this.#keysOf(`identity ${address}`);
    const { publicKey: key } = this.deviceOf(address);
    const content = accountContentJson({
      address,
      version: 1,
      previous: null,
      time: 0,
      identity: identity.publicKey,
      certificates: [],
      devices: [{ id: deviceIdOf(suite, key), key, name: 'one', addedAt: 0 }],
      revoked: [],
      vault: bodyOf(suite, new Uint8Array(0)),
      retentionDays: 0,
      closed: false,
    });
    const offered = signDocument(suite, content, [identity]);
    const document = countersignDocument(suite, offered, this.homeKeyOf(homeOf(address)));
    this.#accounts.set(address, document);
    return document;
  }

  #keysOf(name: string): KeyPair {
    return this.suite.keyPair(this.suite.sha256(utf8(name)));
  }
}
