/**
 * Who a connection is: a device of the account's chain, or somebody who holds the enrolment key (the password) or the
 * recovery key, and may fetch the vault record and join a device. Guessing is slowed per address; a wrong key, a wrong
 * signature and an unknown address get the same answer.
 */
import { type Clock, type CryptoSuite, createBoundedCache, equalBytes, utf8 } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import {
  type AccountDocument,
  type Address,
  type Auth,
  deviceIdOf,
  ENROLMENT_FLOOR,
  encodeEnrolmentParameters,
  type FeedId,
  findDevice,
  ProtocolError,
  parseAddress,
  parseVaultRecord,
} from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { Accounts } from './accounts.ts';
import type { CatchUp } from './fleet/index.ts';
import { FAILURE_BURST, FAILURE_INTERVAL_MS, FAILURES_REMEMBERED } from './limits.ts';
import { readableBlock } from './readable.ts';
import type { Identity } from './session.ts';
import { TokenBucket } from './token-bucket.ts';
import { vaultKey } from './view-keys.ts';
import { decodeLocations } from './view-rows.ts';

export type AuthOutcome =
  | { readonly status: 'ok'; readonly identity: Identity }
  | {
      readonly status: 'refused';
      readonly code: 'auth_failed' | 'account_closed' | 'banned' | 'rate_limited' | 'malformed' | 'unavailable';
      readonly why: string;
    };

export interface AuthenticatorDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly accounts: Pick<Accounts, 'find' | 'settingsOf'>;
  readonly catchUp: Pick<CatchUp, 'of'>;
  readonly feeds: ReadonlyMap<FeedId, Pick<FeedLog, 'getBlock'>>;
  /** 32 bytes that never leave the node: fake salts come from it. */
  readonly saltSecret: Uint8Array;
}

const FAILED: AuthOutcome = { status: 'refused', code: 'auth_failed', why: 'no such account, or not its key' };

/** The account or the device may have been made at another node: the person is not told that it is not theirs. */
const UNCERTAIN: AuthOutcome = {
  status: 'refused',
  code: 'unavailable',
  why: 'this node cannot tell now whether that key is of the account',
};

export class Authenticator {
  readonly #deps: AuthenticatorDeps;
  readonly #failures = createBoundedCache<Address, TokenBucket>(FAILURES_REMEMBERED);

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
  }

  async check(auth: Auth, message: (address: Address) => Uint8Array): Promise<AuthOutcome> {
    let address: Address;
    try {
      address = parseAddress(auth.address);
    } catch (error) {
      if (error instanceof ProtocolError) return { status: 'refused', code: 'malformed', why: error.message };
      throw error;
    }
    if (auth.nonce.length !== 32) return { status: 'refused', code: 'malformed', why: 'the nonce has 32 bytes' };
    const { accounts, catchUp, suite } = this.#deps;
    if (!suite.verify(auth.signature, message(address), auth.key)) return this.#fail(address);
    let account = await accounts.find(address);
    let identity = account === undefined ? undefined : await this.#identify(account, auth.key);
    let isCertain = true;
    if (identity === undefined || identity === 'owed') {
      const version = account?.version;
      const isCurrent = (await catchUp.of([address])).has(address);
      account = await accounts.find(address);
      identity = account === undefined ? undefined : await this.#identify(account, auth.key);
      // Whoever stretched a password by what was here before has another key than they would have now.
      isCertain = isCurrent && account?.version === version && identity !== 'owed';
    }
    if (account === undefined || identity === undefined || identity === 'owed') {
      const failed = this.#fail(address);
      return failed === FAILED && !isCertain ? UNCERTAIN : failed;
    }
    if (account.closed) return { status: 'refused', code: 'account_closed', why: `${address} is closed` };
    if (accounts.settingsOf(address).banned === true)
      return { status: 'refused', code: 'banned', why: `${address} is blocked by the operator of this home` };
    return { status: 'ok', identity };
  }

  /**
   * What a new device needs to try the password; for an unknown address, as plausible and always the same. Both may just have
   * changed at another node, and by what is not the account's the right password makes a wrong key.
   */
  async enrolmentParameters(address: Address): Promise<Uint8Array | 'uncertain'> {
    const { accounts, catchUp } = this.#deps;
    const isCurrent = (await catchUp.of([address])).has(address);
    const account = await accounts.find(address);
    const record = account === undefined ? undefined : await this.vaultRecord(address);
    // Whose record is here may open it while the registrar is away.
    if (record === 'owed' || (account === undefined && !isCurrent)) return 'uncertain';
    if (record !== undefined) return encodeEnrolmentParameters(parseVaultRecord(record).parameters);
    const salt = this.#deps.suite.blake2bKeyed(this.#deps.saltSecret, utf8(address)).slice(0, 16);
    return encodeEnrolmentParameters({ algorithm: 'argon2id', salt, ...ENROLMENT_FLOOR });
  }

  /** The newest vault record of an account; `owed`: it has not come yet, or cannot be read. */
  async vaultRecord(address: Address): Promise<Uint8Array | 'owed' | undefined> {
    const { store, feeds } = this.#deps;
    const row = await store.get(vaultKey(address));
    const location = row === undefined ? undefined : decodeLocations(row)[0];
    if (location === undefined) return undefined;
    return (await readableBlock(store, feeds.get(location.feed), location.index + 1)) ?? 'owed';
  }

  async #identify(account: AccountDocument, key: Uint8Array): Promise<Identity | 'owed' | undefined> {
    const id = deviceIdOf(this.#deps.suite, key);
    if (findDevice(account, id) !== undefined) return { address: account.address, device: id };
    const bytes = await this.vaultRecord(account.address);
    if (bytes === undefined || bytes === 'owed') return bytes;
    const record = parseVaultRecord(bytes);
    const joins = equalBytes(record.enrolmentKey, key) || equalBytes(record.recoveryKey, key);
    return joins ? { address: account.address, device: undefined } : undefined;
  }

  #fail(address: Address): AuthOutcome {
    const now = this.#deps.clock.monotonic();
    const bucket = this.#failures.get(address) ?? new TokenBucket(FAILURE_INTERVAL_MS, FAILURE_BURST, now);
    this.#failures.set(address, bucket);
    const token = bucket.take(now);
    return token.taken
      ? FAILED
      : { status: 'refused', code: 'rate_limited', why: 'too many failed attempts for this address' };
  }
}
