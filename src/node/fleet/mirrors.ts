/**
 * Who may copy this node's own feed although they are no node of the home: each is named by the operator and comes with a
 * secret, over TLS as everybody. The feed's public key alone opens nothing here, since the wire of Dat v6 authenticates nobody.
 */
import {
  type CryptoSuite,
  equalBytes,
  type FrameSocket,
  fromHex,
  fromUtf8,
  type SecureRandom,
  toHex,
} from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import { MIRRORS, mirrorKey } from '../view-keys.ts';
import { FleetError } from './fleet-error.ts';
import { MIRRORS_MAX } from './limits.ts';
import type { SharedFeeds } from './shared-feeds.ts';

export interface MirrorDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly store: Store;
}

const SECRET_BYTES = 32;
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const BEARER = /^Bearer ([a-z0-9-]{1,63})\.([0-9a-f]{64})$/;

export class Mirrors {
  readonly #deps: MirrorDeps;
  /** Hashes of secrets, by name. */
  readonly #hashes: Map<string, Uint8Array>;
  readonly #cuts = new Map<string, Set<() => void>>();

  private constructor(deps: MirrorDeps, hashes: Map<string, Uint8Array>) {
    this.#deps = deps;
    this.#hashes = hashes;
  }

  static async open(deps: MirrorDeps): Promise<Mirrors> {
    const rows = await deps.store.range({ ...MIRRORS, limit: MIRRORS_MAX });
    return new Mirrors(deps, new Map(rows.map(({ key, value }) => [fromUtf8(key.subarray(2)), value])));
  }

  get names(): readonly string[] {
    return [...this.#hashes.keys()];
  }

  /** What it authorizes itself by: shown once, kept as a hash. Throws FleetError `refused`. */
  async add(name: string): Promise<string> {
    const { random, store, suite } = this.#deps;
    if (!NAME.test(name)) throw new FleetError('refused', 'a mirror is named by small letters, digits and hyphens');
    if (this.#hashes.has(name) || this.#hashes.size >= MIRRORS_MAX)
      throw new FleetError('refused', `there is a mirror ${name}, or there are ${MIRRORS_MAX}`, {
        fix: 'Remove it first: `restante fleet mirror remove`.',
      });
    const secret = toHex(random.bytes(SECRET_BYTES));
    const hash = suite.sha256(fromHex(secret));
    await store.transact((transaction) => transaction.put(mirrorKey(name), hash));
    this.#hashes.set(name, hash);
    return `${name}.${secret}`;
  }

  /** It is cut, and comes in no more. Throws FleetError `refused`. */
  async remove(name: string): Promise<void> {
    if (!this.#hashes.has(name)) throw new FleetError('refused', `there is no mirror ${name}`);
    await this.#deps.store.transact((transaction) => transaction.delete(mirrorKey(name)));
    this.#hashes.delete(name);
    for (const cut of this.#cuts.get(name) ?? []) cut();
  }

  /** Which mirror an `Authorization` header is of; undefined: of none. */
  nameOf(authorization: string | undefined): string | undefined {
    const [, name = '', secret = ''] = BEARER.exec(authorization ?? '') ?? [];
    const hash = this.#hashes.get(name);
    return hash !== undefined && equalBytes(hash, this.#deps.suite.sha256(fromHex(secret))) ? name : undefined;
  }

  /** Serves a connection of a mirror until it ends, or the mirror is removed. */
  async serve(name: string, socket: FrameSocket, shared: Pick<SharedFeeds, 'serveMirror'>): Promise<void> {
    const cut = (): void => socket.terminate();
    const cuts = this.#cuts.get(name) ?? new Set();
    this.#cuts.set(name, cuts.add(cut));
    try {
      await shared.serveMirror(socket).ended;
    } finally {
      cuts.delete(cut);
    }
  }
}
