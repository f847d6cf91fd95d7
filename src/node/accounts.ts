/**
 * Who is here: account chains, registration, what the operator set. Documents are read from the views and kept parsed;
 * a chain grows only by links that its own keys signed, and a new address only as registration allows.
 */
import {
  type CryptoSuite,
  createBoundedCache,
  equalBytes,
  fromHex,
  fromUtf8,
  type KeyPair,
  readUint64,
  toBase64,
  toHex,
  utf8,
} from '../base/index.ts';
import {
  type AccountDocument,
  type Address,
  areStrongEnough,
  checkAccountLink,
  countersignDocument,
  doorAddressOf,
  EntryKind,
  EraseReason,
  type HomeName,
  homeOf,
  isCountersigned,
  isDoorAddress,
  ProtocolError,
  parseAccountDocument,
  parseVaultRecord,
  VAULT_RECORD_BYTES_MAX,
} from '../protocol/index.ts';
import type { Store, StoreReader } from '../store/index.ts';
import type { Journal, JournalTransaction, NewEntry } from './journal.ts';
import { ACCOUNTS_CACHED_MAX, CHAIN_BYTES, CHAIN_DOCUMENTS_MAX } from './limits.ts';
import {
  ACCOUNT_SETTINGS,
  ACCOUNTS,
  accountKey,
  accountVersions,
  headsOf,
  inviteKey,
  settingsKey,
} from './view-keys.ts';
import { decodeMailboxState } from './view-rows.ts';

export type Registration = 'invite' | 'open' | 'closed';

export interface AccountSettings {
  /** Bytes; undefined: the home's default. */
  readonly quotaBytes?: number;
  readonly banned?: boolean;
  /** Days after which the home erases bodies although the receiver would keep them longer; undefined: as the receiver chose. */
  readonly retentionDays?: number;
}

/** Why a link of a chain is not taken. */
export type ChainRefusal =
  | 'registration_closed'
  | 'invite_needed'
  | 'invite_unknown'
  | 'wrong_home'
  | 'address_taken'
  | 'bad_chain'
  | 'bad_vault'
  | 'weak_parameters'
  /** The node that keeps the home's keys is away. */
  | 'registrar_away';

export type ChainResult =
  | { readonly status: 'accepted'; readonly document: AccountDocument }
  | { readonly status: 'refused'; readonly code: ChainRefusal; readonly why: string };

export interface AccountsDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly journal: Journal;
  readonly homeKey: KeyPair;
}

export interface AccountsOptions {
  readonly home: HomeName;
  readonly registration: Registration;
}

/** Where chains grow: here, or at the node of the home that keeps its keys. */
export interface ChainWriter {
  register(bytes: Uint8Array, vault: Uint8Array, invite: string): Promise<ChainResult>;
  extend(address: Address, bytes: Uint8Array, vault: Uint8Array | undefined): Promise<ChainResult>;
}

export class Accounts implements ChainWriter {
  readonly #deps: AccountsDeps;
  readonly #options: AccountsOptions;
  readonly #documents = createBoundedCache<Address, { readonly document: AccountDocument | undefined }>(
    ACCOUNTS_CACHED_MAX,
  );
  readonly #settings = new Map<Address, AccountSettings>();
  /** Counts what was forgotten: what was read before is not kept after. */
  #forgotten = 0;

  private constructor(deps: AccountsDeps, options: AccountsOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  static async open(deps: AccountsDeps, options: AccountsOptions): Promise<Accounts> {
    const accounts = new Accounts(deps, options);
    const rows = await deps.store.range({ ...ACCOUNT_SETTINGS, limit: Number.MAX_SAFE_INTEGER });
    for (const { key, value } of rows)
      accounts.#settings.set(fromUtf8(key).slice(2) as Address, JSON.parse(fromUtf8(value)) as AccountSettings);
    return accounts;
  }

  /** The account now; undefined when the address is not here. Closed accounts are found: look at `closed`. */
  async find(address: Address): Promise<AccountDocument | undefined> {
    const cached = this.#documents.get(address);
    if (cached !== undefined) return cached.document;
    const forgotten = this.#forgotten;
    const [row] = await this.#deps.store.range({ ...accountVersions(address), limit: 1, reverse: true });
    const document = row === undefined ? undefined : parseAccountDocument(this.#deps.suite, row.value);
    // Absent addresses are not cached: a stranger's guesses must not push accounts out.
    if (document !== undefined && forgotten === this.#forgotten) this.#documents.set(address, { document });
    return document;
  }

  /** Another node's entry changed the account. */
  forget(address: Address): void {
    this.#forgotten += 1;
    this.#documents.delete(address);
  }

  /** The account if it is in memory already: the hot path asks this first. */
  peek(address: Address): AccountDocument | undefined {
    return this.#documents.get(address)?.document;
  }

  /** The chain from version `after` + 1 on: as much as fits one answer, so whoever wants the rest asks again. */
  async chain(address: Address, after: number): Promise<readonly Uint8Array[]> {
    const rows = await this.#deps.store.range({
      from: accountKey(address, after + 1),
      to: accountVersions(address).to,
      limit: CHAIN_DOCUMENTS_MAX,
      maxBytes: CHAIN_BYTES,
    });
    return rows.map((row) => row.value);
  }

  /** What mail to the account is encrypted to; undefined: there is no such account any more, or never was. */
  async certificate(address: Address): Promise<Uint8Array | undefined> {
    const account = await this.find(address);
    return account?.closed === false ? account.certificates[0] : undefined;
  }

  settingsOf(address: Address): AccountSettings {
    return this.#settings.get(address) ?? {};
  }

  /** Days after which bodies are erased, 0 for never: the shorter of what the receiver and the operator chose. */
  retentionOf(account: AccountDocument): number {
    const { retentionDays: limit } = this.settingsOf(account.address);
    if (limit === undefined || limit === 0) return account.retentionDays;
    return account.retentionDays === 0 ? limit : Math.min(limit, account.retentionDays);
  }

  async set(address: Address, settings: AccountSettings): Promise<void> {
    await this.#deps.store.transact((transaction) => {
      transaction.put(settingsKey(address), utf8(JSON.stringify(settings)));
    });
    this.#settings.set(address, settings);
  }

  /** Every address, in order, with its newest document. */
  async *all(): AsyncGenerator<AccountDocument> {
    let { from } = ACCOUNTS;
    for (;;) {
      const [row] = await this.#deps.store.range({ from, to: ACCOUNTS.to, limit: 1 });
      if (row === undefined) return;
      const { address } = parseAccountDocument(this.#deps.suite, row.value);
      const document = await this.find(address);
      if (document !== undefined) yield document;
      from = accountVersions(address).to;
    }
  }

  async heldBytes(reader: StoreReader, address: Address): Promise<{ bytes: number; entries: number }> {
    const rows = await reader.range({ ...headsOf(address), limit: 1000 });
    const states = rows.map((row) => decodeMailboxState(row.value));
    return {
      bytes: states.reduce((sum, state) => sum + state.heldBytes, 0),
      entries: states.reduce((sum, state) => sum + state.number, 0),
    };
  }

  /**
   * Version 1 of an address. The home countersigns, so the accepted document has other bytes than the offered one.
   * Offered again after a lost answer, it is accepted again without a second entry.
   */
  async register(bytes: Uint8Array, vault: Uint8Array, invite: string): Promise<ChainResult> {
    return this.#judged(async () => {
      const offered = parseAccountDocument(this.#deps.suite, bytes);
      const refusal = this.#checkRegistration(offered) ?? this.#checkNewcomer(offered, vault);
      if (refusal !== undefined) return refusal;
      return this.#admit(bytes, vault, (journal) => this.#useInvite(journal, invite));
    });
  }

  /** Version 1 of the account by which a door of this home signs: the operator's will, whatever registration is for people. */
  async registerDoor(bytes: Uint8Array, vault: Uint8Array): Promise<ChainResult> {
    return this.#judged(async () => {
      const offered = parseAccountDocument(this.#deps.suite, bytes);
      const [device] = offered.devices;
      if (device === undefined || offered.address !== doorAddressOf(this.#options.home, device.id))
        return refuse('bad_chain', "a door's address is made of its device");
      return this.#checkNewcomer(offered, vault) ?? this.#admit(bytes, vault, async () => undefined);
    });
  }

  /** The next version of an existing account, sent by somebody who authenticated as it. */
  async extend(address: Address, bytes: Uint8Array, vault: Uint8Array | undefined): Promise<ChainResult> {
    return this.#judged(async () => {
      const document = parseAccountDocument(this.#deps.suite, bytes);
      if (document.address !== address) return refuse('bad_chain', 'the document is of another address');
      return this.#deps.journal.write(async (journal) => {
        const current = await newestIn(this.#deps.suite, journal, address);
        if (current !== undefined && current.signed.hash === document.signed.hash)
          return { status: 'accepted', document: current } as const;
        checkAccountLink(current, document);
        const changed = current === undefined || current.vault.sha256 !== document.vault.sha256;
        if (changed) {
          const refusal = checkVault(this.#deps.suite, document, vault);
          if (refusal !== undefined) return refusal;
        }
        await journal.append([entryOf(bytes, changed ? vault : undefined)]);
        if (document.closed) await eraseEverything(journal, address);
        journal.transaction.onCommit(() => this.#documents.set(address, { document }));
        return { status: 'accepted', document } as const;
      });
    });
  }

  /** Versions of a chain that a backup of this home kept and this store lacks. Throws ProtocolError for one that does not link. */
  async giveBack(documents: readonly Uint8Array[], vault: Uint8Array): Promise<void> {
    const { homeKey, journal, suite } = this.#deps;
    const chain = documents.map((bytes) => parseAccountDocument(suite, bytes));
    const [first] = chain;
    if (
      first === undefined ||
      homeOf(first.address) !== this.#options.home ||
      !isCountersigned(first, homeKey.publicKey)
    )
      throw new ProtocolError('bad_chain', `the chain is of no account of ${this.#options.home}`);
    await journal.write(async (transaction) => {
      let current = await newestIn(suite, transaction, first.address);
      const fresh = chain.filter(({ version }) => version > (current?.version ?? 0));
      for (const next of fresh) {
        checkAccountLink(current, next);
        const isLast = next === chain.at(-1);
        if (isLast && checkVault(suite, next, vault) !== undefined)
          throw new ProtocolError('malformed', 'the vault record is not the one that the chain names');
        await transaction.append([entryOf(next.signed.bytes, isLast ? vault : undefined)]);
        current = next;
      }
      const document = current;
      if (document !== undefined)
        transaction.transaction.onCommit(() => this.#documents.set(document.address, { document }));
    });
  }

  /** Erases all bodies of an account whose person is gone and cannot close it; its chain stays and the address too. */
  async remove(address: Address): Promise<void> {
    await this.#deps.journal.write((journal) => eraseEverything(journal, address));
    await this.set(address, { ...this.settingsOf(address), banned: true });
  }

  #checkRegistration({ address }: AccountDocument): ChainResult | undefined {
    const { home, registration } = this.#options;
    if (registration === 'closed') return refuse('registration_closed', `${home} takes no new accounts`);
    if (isDoorAddress(address)) return refuse('address_taken', `${address} is kept for a door of the home`);
    return undefined;
  }

  #checkNewcomer(offered: AccountDocument, vault: Uint8Array): ChainResult | undefined {
    const { home } = this.#options;
    if (homeOf(offered.address) !== home) return refuse('wrong_home', `this is the home ${home}`);
    if (offered.closed) return refuse('bad_chain', 'a new account is not closed');
    if (offered.signed.signers.size !== 1)
      return refuse('bad_chain', 'version 1 carries the signature of its identity key only');
    checkAccountLink(undefined, offered);
    return checkVault(this.#deps.suite, offered, vault);
  }

  async #admit(
    bytes: Uint8Array,
    vault: Uint8Array,
    mayCome: (journal: JournalTransaction) => Promise<ChainResult | undefined>,
  ): Promise<ChainResult> {
    const countersigned = countersignDocument(this.#deps.suite, bytes, this.#deps.homeKey);
    const document = parseAccountDocument(this.#deps.suite, countersigned);
    return this.#deps.journal.write(async (journal) => {
      const existing = await newestIn(this.#deps.suite, journal, document.address);
      if (existing !== undefined)
        return existing.signed.hash === document.signed.hash
          ? ({ status: 'accepted', document: existing } as const)
          : refuse('address_taken', `${document.address} exists already`);
      const refusal = await mayCome(journal);
      if (refusal !== undefined) return refusal;
      await journal.append([entryOf(countersigned, vault)]);
      journal.transaction.onCommit(() => this.#documents.set(document.address, { document }));
      return { status: 'accepted', document } as const;
    });
  }

  async #useInvite(journal: JournalTransaction, invite: string): Promise<ChainResult | undefined> {
    if (this.#options.registration !== 'invite') return undefined;
    if (invite === '') return refuse('invite_needed', 'this home takes new accounts by invitation');
    if (!/^[0-9A-Za-z-]{1,64}$/.test(invite) || (await journal.transaction.get(inviteKey(invite))) === undefined)
      return refuse('invite_unknown', 'no such invitation, or it is used');
    journal.transaction.delete(inviteKey(invite));
    return undefined;
  }

  async #judged(work: () => Promise<ChainResult>): Promise<ChainResult> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ProtocolError) return refuse('bad_chain', error.message);
      throw error;
    }
  }
}

function refuse(code: ChainRefusal, why: string): ChainResult {
  return { status: 'refused', code, why };
}

function entryOf(document: Uint8Array, vault: Uint8Array | undefined): NewEntry {
  return { header: { kind: EntryKind.ACCOUNT, document }, ...(vault === undefined ? {} : { body: vault }) };
}

async function newestIn(
  suite: CryptoSuite,
  journal: JournalTransaction,
  address: Address,
): Promise<AccountDocument | undefined> {
  const [row] = await journal.views.range({ ...accountVersions(address), limit: 1, reverse: true });
  return row === undefined ? undefined : parseAccountDocument(suite, row.value);
}

function checkVault(
  suite: CryptoSuite,
  document: AccountDocument,
  vault: Uint8Array | undefined,
): ChainResult | undefined {
  if (vault === undefined || vault.length > VAULT_RECORD_BYTES_MAX)
    return refuse('bad_vault', `a vault record of at most ${VAULT_RECORD_BYTES_MAX} bytes comes with the document`);
  if (vault.length !== document.vault.size || !equalBytes(suite.sha256(vault), fromHex(document.vault.sha256)))
    return refuse('bad_vault', 'the vault record is not the one that the document names');
  if (!areStrongEnough(parseVaultRecord(vault).parameters))
    return refuse('weak_parameters', 'the password would be stretched too little');
  return undefined;
}

async function eraseEverything(journal: JournalTransaction, address: Address): Promise<void> {
  const rows = await journal.views.range({ ...headsOf(address), limit: 1000 });
  const erased = rows
    .map((row) => ({ feed: row.key.slice(-32), to: readUint64(row.value) }))
    .filter((range) => range.to > 0)
    .map((range) => ({ feed: range.feed, account: address, from: 1, to: range.to }));
  if (erased.length > 0)
    await journal.append([{ header: { kind: EntryKind.ERASE, erased, reason: EraseReason.ACCOUNT_CLOSED } }]);
}

/** The short form of a key for people: the first 16 hexadecimal digits of its hash. */
export function keyFingerprint(suite: CryptoSuite, key: Uint8Array): string {
  return toHex(suite.sha256(utf8(toBase64(key))).subarray(0, 8));
}
