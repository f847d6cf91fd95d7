/**
 * How a node proves that it may join: a token that the operator of a running node makes and carries over. It is shown to
 * nobody on the way: both ends prove it by a keyed hash of all that was said, and the home's key comes back under it.
 */
import { type CryptoSuite, concatBytes, fromUtf8, type SecureRandom, toHex, utf8 } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import { JOIN_TOKENS, joinTokenKey } from '../view-keys.ts';
import { FleetError } from './fleet-error.ts';
import { TOKEN_MS, TOKENS_MAX } from './limits.ts';

export interface JoinTalk {
  readonly home: string;
  readonly acceptor: Uint8Array;
  readonly newcomer: Uint8Array;
  readonly node: string;
  readonly acceptorNonce: Uint8Array;
  readonly newcomerNonce: Uint8Array;
}

const ID_BYTES = 4;
const SECRET_BYTES = 32;

export interface JoinToken {
  /** Names the token without giving it away. */
  readonly id: string;
  readonly secret: Uint8Array;
}

/** Throws FleetError `bad_token`. */
export function parseJoinToken(text: string): JoinToken {
  const match = /^([0-9a-f]{8})-([0-9a-f]{64})$/.exec(text.trim());
  if (match === null)
    throw new FleetError('bad_token', 'that is no join token', {
      fix: 'Make one with `restante fleet token` where the home runs.',
    });
  return { id: match[1] as string, secret: new Uint8Array(Buffer.from(match[2] as string, 'hex')) };
}

export class JoinTokens {
  readonly #deps: { readonly store: Store; readonly random: SecureRandom; readonly now: () => number };

  constructor(deps: { readonly store: Store; readonly random: SecureRandom; readonly now: () => number }) {
    this.#deps = deps;
  }

  /** A new token, good for one node and an hour. */
  async create(): Promise<string> {
    const { now, random, store } = this.#deps;
    const id = toHex(random.bytes(ID_BYTES));
    const secret = toHex(random.bytes(SECRET_BYTES));
    await store.transact(async (transaction) => {
      const open = await transaction.range({ ...JOIN_TOKENS, limit: TOKENS_MAX });
      for (const { key, value } of open) if (readRecord(value).until < now()) transaction.delete(key);
      if (open.length >= TOKENS_MAX)
        throw new FleetError('refused', `${TOKENS_MAX} join tokens are open`, { fix: 'Use some of them first.' });
      transaction.put(joinTokenKey(id), utf8(JSON.stringify({ secret, until: now() + TOKEN_MS })));
    });
    return `${id}-${secret}`;
  }

  /** The secret of a token that is open. */
  async secretOf(id: string): Promise<Uint8Array | undefined> {
    const row = /^[0-9a-f]{8}$/.test(id) ? await this.#deps.store.get(joinTokenKey(id)) : undefined;
    if (row === undefined) return undefined;
    const { secret, until } = readRecord(row);
    return until < this.#deps.now() ? undefined : new Uint8Array(Buffer.from(secret, 'hex'));
  }

  /** It is used. */
  async spend(id: string): Promise<void> {
    await this.#deps.store.transact((transaction) => transaction.delete(joinTokenKey(id)));
  }
}

/** What a newcomer shows instead of its token. */
export function joinMac(suite: CryptoSuite, secret: Uint8Array, talk: JoinTalk): Uint8Array {
  return suite.blake2bKeyed(secret, talkBytes('join', talk));
}

/** The seed of the home's key, under the token: as long as the hash it is combined with, which is used once. */
export function sealSeed(suite: CryptoSuite, secret: Uint8Array, talk: JoinTalk, seed: Uint8Array): Uint8Array {
  const pad = suite.blake2bKeyed(secret, talkBytes('seed', talk));
  return seed.map((byte, i) => byte ^ (pad[i] as number));
}

/** What the node that takes a newcomer in proves with the same token. */
export function joinedMac(
  suite: CryptoSuite,
  secret: Uint8Array,
  talk: JoinTalk,
  sealed: Uint8Array,
  documents: readonly Uint8Array[],
): Uint8Array {
  const said = documents.map((bytes) => suite.sha256(bytes));
  return suite.blake2bKeyed(secret, concatBytes(talkBytes('joined', talk), sealed, ...said));
}

function talkBytes(what: string, talk: JoinTalk): Uint8Array {
  const { acceptor, acceptorNonce, home, newcomer, newcomerNonce, node } = talk;
  const names = utf8(JSON.stringify([what, home, node]));
  return concatBytes(utf8('restante fleet join 1\n'), names, acceptor, newcomer, acceptorNonce, newcomerNonce);
}

function readRecord(row: Uint8Array): { readonly secret: string; readonly until: number } {
  return JSON.parse(fromUtf8(row)) as { secret: string; until: number };
}
