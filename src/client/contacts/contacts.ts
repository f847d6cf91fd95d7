/**
 * The accounts this device knows, by their signed chains. First use pins a chain; from then on it only grows by links that
 * its own keys signed, and the newest version is remembered durably, so that no node can take it back. What contradicts is
 * an alarm, and nothing is encrypted to an account with a standing alarm.
 *
 * What a home shows counts when the log of its keys names it (key-logs.ts): what it shows to one person alone does not.
 *
 * Version 1 must be countersigned by the account's home, whose own chain is pinned here in the same way. People of other
 * homes are asked for through the own home; an alarm about their home is an alarm about each of them.
 */
import { LRUCache } from 'lru-cache';
import { type Clock, type CryptoSuite, toBase64 } from '../../base/index.ts';
import {
  type AccountDocument,
  type Address,
  type HomeName,
  type HomeRefusal,
  homeOf,
  judgeChain,
  parseAccountDocument,
} from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { AlarmCode } from '../alarm.ts';
import type { Alarms } from '../alarms.ts';
import { ClientError } from '../client-error.ts';
import type { KeyChange } from '../client-events.ts';
import type { NodeConnection } from '../connection/index.ts';
import { accountKey, accountVersions, contactKey } from '../keys.ts';
import { CHAIN_LOOKS_MAX, CHAIN_VERSIONS_MAX, CONTACT_FRESH_MS, CONTACTS_CACHED_MAX } from '../limits.ts';
import { type Contact, createContact } from './contact.ts';
import { type ContactRow, decodeContactRow, encodeContactRow, type Trust } from './contact-row.ts';
import { fetchChain, type HomePin } from './home-pin.ts';
import type { AskOptions, HomePins } from './home-pins.ts';
import type { KeyLogs } from './key-logs.ts';

export interface ContactsDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly alarms: Alarms;
  readonly homes: HomePins;
  readonly keyLogs: KeyLogs;
  /** A key is another one than this device knew. */
  readonly onKeyChanged: (change: KeyChange) => void;
}

/** The account's home does not answer, or there is none, or nobody can tell which: what is known here stays as it was. */
export interface SilentHome {
  readonly status: HomeRefusal;
  readonly home: HomeName;
  readonly contact: Contact | undefined;
}

export type LookUp =
  | { readonly status: 'known'; readonly contact: Contact }
  | { readonly status: 'unknown' }
  | SilentHome
  /** What the node showed contradicts what is known, which stays as it was. */
  | { readonly status: 'alarm'; readonly code: AlarmCode; readonly contact: Contact | undefined };

/** A chain that its home shows, and that fits what is known here. What its home's log says of it is still to be seen. */
interface Shown {
  readonly status: 'shown';
  readonly candidate: Contact;
  /** It has versions that are not pinned yet. */
  readonly isNew: boolean;
  readonly known: Contact | undefined;
  readonly pin: HomePin;
}

const STANDING: readonly AlarmCode[] = ['chain_rolled_back', 'chain_forked', 'bad_chain', 'certificate_unconfirmed'];
/** Over as soon as a node shows the chain as it should be. A fork stays: somebody signed two histories. */
const PASSING: readonly AlarmCode[] = ['chain_rolled_back', 'bad_chain', 'certificate_unconfirmed'];

export class Contacts {
  readonly #deps: ContactsDeps;
  readonly #own: Address;
  readonly #cache = new LRUCache<Address, Contact>({ max: CONTACTS_CACHED_MAX });
  readonly #askedAt = new LRUCache<Address, number>({ max: CONTACTS_CACHED_MAX });
  readonly #underWay = new Map<Address, Promise<LookUp>>();

  constructor(deps: ContactsDeps, options: { readonly own: Address }) {
    this.#deps = deps;
    this.#own = options.own;
  }

  /** What is in memory: the hot path asks this first. */
  peek(address: Address): Contact | undefined {
    return this.#cache.get(address);
  }

  /** What this device knows, without asking anybody. */
  async find(address: Address): Promise<Contact | undefined> {
    const cached = this.#cache.get(address);
    if (cached !== undefined) return cached;
    const { store, suite } = this.#deps;
    const row = await store.get(contactKey(address));
    if (row === undefined) return undefined;
    const { version, trust } = decodeContactRow(row);
    const documents = await store.range({ ...accountVersions(address), limit: CHAIN_VERSIONS_MAX });
    const chain = documents
      .map(({ value }) => parseAccountDocument(suite, value))
      .filter((link) => link.version <= version);
    if (chain.at(-1)?.version !== version)
      throw new ClientError('corrupt_store', `the chain of ${address} is incomplete`);
    const contact = await createContact(chain, trust);
    this.#cache.set(address, contact);
    return contact;
  }

  /** Asks the node for what is new. Throws ConnectionError. */
  lookUp(connection: NodeConnection, address: Address, options: AskOptions = {}): Promise<LookUp> {
    let asking = this.#underWay.get(address);
    if (asking === undefined) {
      asking = this.#ask(connection, address, options).finally(() => this.#underWay.delete(address));
      this.#underWay.set(address, asking);
    }
    return asking;
  }

  /** As `lookUp`, unless the node was asked a few minutes ago. */
  async fresh(connection: NodeConnection, address: Address): Promise<LookUp> {
    const askedAt = this.#askedAt.get(address);
    const known = await this.find(address);
    if (known !== undefined && askedAt !== undefined && this.#deps.clock.monotonic() - askedAt < CONTACT_FRESH_MS) {
      return this.#judge(known);
    }
    return this.lookUp(connection, address);
  }

  /** The alarm that forbids to encrypt to this account. */
  alarmOf(address: Address): AlarmCode | undefined {
    const { alarms, homes, keyLogs } = this.#deps;
    const code = alarms.stands(STANDING, address)?.code ?? homes.alarmOf(homeOf(address));
    // What the log says of this person's own key is for others; this device made it.
    return code ?? (address === this.#own ? undefined : keyLogs.alarmOf(address));
  }

  /** Whether the home of an account did not answer a moment ago: what is not known of it may yet be right. */
  isSilent(address: Address): boolean {
    return this.#deps.homes.isSilent(homeOf(address));
  }

  /** Takes a chain that its owner made on this device: the own account at its creation. */
  async adopt(chain: readonly AccountDocument[]): Promise<Contact> {
    const contact = await createContact(chain, this.#trustIn(chain, undefined));
    await this.#save(contact, undefined);
    return contact;
  }

  /** A person compared the fingerprint by another way. */
  async markVerified(address: Address): Promise<Contact> {
    const contact = await this.#known(address);
    const row = rowOf(contact.document, contact.trust === 'own' ? 'own' : 'verified');
    await this.#deps.store.transact((transaction) => transaction.put(contactKey(address), encodeContactRow(row)));
    const verified = { ...contact, trust: row.trust };
    this.#cache.set(address, verified);
    return verified;
  }

  /** Whether the log of its home, as it is known here, names the contact as it is known here. */
  async isLogged({ address, document }: Contact): Promise<boolean> {
    const pin = await this.#deps.homes.find(homeOf(address));
    return this.#deps.keyLogs.isLogged(pin, document);
  }

  /** A person looked at the alarm and goes on with the chain as it is pinned here. */
  async dismissAlarm(address: Address): Promise<void> {
    await this.#deps.alarms.clear(STANDING, address);
  }

  async #ask(connection: NodeConnection, address: Address, options: AskOptions): Promise<LookUp> {
    const { alarms, keyLogs } = this.#deps;
    for (let tries = 1; ; tries++) {
      const shown = await this.#askHome(connection, address, options);
      if (shown.status !== 'shown') return shown;
      const { candidate, isNew, known, pin } = shown;
      const logged =
        address === this.#own
          ? ({ status: 'logged' } as const)
          : await keyLogs.judge(connection, pin, candidate.document, options);
      if (logged.status === 'logged') {
        if (isNew) await this.#save(candidate, known);
        await alarms.clear(PASSING, address);
        return this.#judge(candidate);
      }
      if (logged.status === 'alarm') return { ...logged, contact: known };
      if (logged.status !== 'behind') return { status: logged.status, home: pin.home, contact: known };
      // The account may have grown between the two questions. A home that shows less again keeps something back.
      if (tries < CHAIN_LOOKS_MAX) continue;
      const detail = `its home logged version ${logged.version} and shows version ${candidate.document.version}`;
      await alarms.raise({ code: 'chain_rolled_back', subject: address, detail, node: options.node });
      // What was signed by what is shown can be verified all the same.
      if (isNew) await this.#save(candidate, known);
      return { status: 'alarm', code: 'chain_rolled_back', contact: candidate };
    }
  }

  /** What the home shows, if it fits what is known of the home and the account. */
  async #askHome(connection: NodeConnection, address: Address, options: AskOptions): Promise<LookUp | Shown> {
    const { alarms, clock, homes, suite } = this.#deps;
    const home = homeOf(address);
    const known = await this.find(address);
    const after = known === undefined ? 0 : known.document.version - 1;
    const host = await homes.ask(connection, home, options);
    if (host.status === 'alarm') return { status: 'alarm', code: host.code, contact: known };
    if (host.status !== 'known') return { status: host.status, home, contact: known };
    const asked = await homes.askQuietly(home, () => fetchChain(connection, address, after, options));
    if (asked.status !== 'answered') return { status: asked.status, home, contact: known };
    const documents = asked.answer;
    const verdict = judgeChain(suite, { address, known: known?.chain ?? [], documents, homeKeys: host.pin.keys });
    if (verdict.status === 'unknown') return verdict;
    if (verdict.status === 'refused') {
      await alarms.raise({ code: verdict.code, subject: address, detail: verdict.why, node: options.node });
      return { status: 'alarm', code: verdict.code, contact: known };
    }
    this.#askedAt.set(address, clock.monotonic());
    const isNew = known === undefined || verdict.chain.length > known.chain.length;
    const candidate = isNew ? await createContact(verdict.chain, this.#trustIn(verdict.chain, known)) : known;
    if (candidate.certificate === undefined && !candidate.document.closed) {
      const detail = `the certificate given out for ${address} does not name that address, or cannot be encrypted to`;
      await alarms.raise({ code: 'certificate_unconfirmed', subject: address, detail, node: options.node });
      return { status: 'alarm', code: 'certificate_unconfirmed', contact: known };
    }
    return { status: 'shown', candidate, isNew, known, pin: host.pin };
  }

  #judge(contact: Contact): LookUp {
    const code = this.alarmOf(contact.address);
    return code === undefined ? { status: 'known', contact } : { status: 'alarm', code, contact };
  }

  async #save(contact: Contact, known: Contact | undefined): Promise<void> {
    const { onKeyChanged, store } = this.#deps;
    const { address, chain, document, trust } = contact;
    await store.transact((transaction) => {
      for (const link of chain.slice(known?.chain.length ?? 0))
        transaction.put(accountKey(address, link.version), link.signed.bytes);
      transaction.put(contactKey(address), encodeContactRow(rowOf(document, trust)));
    });
    this.#cache.set(address, contact);
    const [before, fingerprint] = [known?.certificate?.fingerprint, contact.certificate?.fingerprint];
    if (known !== undefined && (before !== fingerprint || !hasIdentityOf(known, document)))
      onKeyChanged({ address, before, fingerprint });
  }

  /** What a person verified was the identity key: with another one, trust begins anew. */
  #trustIn(chain: readonly AccountDocument[], known: Contact | undefined): Trust {
    const document = chain.at(-1) as AccountDocument;
    if (document.address === this.#own) return 'own';
    return known !== undefined && hasIdentityOf(known, document) ? known.trust : 'first_use';
  }

  async #known(address: Address): Promise<Contact> {
    const contact = await this.find(address);
    if (contact === undefined)
      throw new ClientError('unknown_recipient', `nothing is known of ${address}`, {
        details: { addresses: [address] },
      });
    return contact;
  }
}

function hasIdentityOf(known: Contact, { identity }: AccountDocument): boolean {
  return toBase64(known.document.identity) === toBase64(identity);
}

function rowOf(document: AccountDocument, trust: Trust): ContactRow {
  return { version: document.version, hash: document.signed.hash, trust };
}
