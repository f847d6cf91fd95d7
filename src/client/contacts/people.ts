/** Other people's keys, as a person sees and judges them. */
import type { Address } from '../../protocol/index.ts';
import { armorCertificate } from '../../vault/index.ts';
import type { AlarmCode } from '../alarm.ts';
import { ClientError } from '../client-error.ts';
import type { NodeConnection } from '../connection/index.ts';
import type { Contact } from './contact.ts';
import type { Trust } from './contact-row.ts';
import type { Contacts } from './contacts.ts';
import { homeError, isSilent, standingAlarm, unknownAccount } from './lookup-errors.ts';

export interface KeyInfo {
  readonly address: Address;
  /** Of the certificate that mail is encrypted to; undefined: there is none. */
  readonly fingerprint: string | undefined;
  /** Version of the account's chain. */
  readonly version: number;
  /** Where it comes from: the account's chain, as its home shows it. */
  readonly source: 'chain';
  /** Whether the log of its home's keys names the version that is known here. */
  readonly logged: boolean;
  /** Since when the key is the account's, by the account's own word, milliseconds since 1970. */
  readonly since: number;
  readonly trust: Trust;
  readonly alarm: AlarmCode | undefined;
  readonly isClosed: boolean;
}

export class People {
  readonly #contacts: Contacts;
  readonly #connection: () => NodeConnection;

  /** `connection` throws ClientError `offline`. */
  constructor(contacts: Contacts, deps: { readonly connection: () => NodeConnection }) {
    this.#contacts = contacts;
    this.#connection = deps.connection;
  }

  /** Asks the home now. Throws ClientError `unknown_recipient`, `home_unreachable`, `unknown_home` or `offline`. */
  async lookUp(address: Address): Promise<KeyInfo> {
    const answer = await this.#contacts.lookUp(this.#connection(), address);
    if (isSilent(answer)) throw homeError(answer);
    if (answer.status !== 'unknown' && answer.contact !== undefined) return this.#infoOf(answer.contact);
    // Its home contradicts what was seen before, and nothing is known of the account itself.
    if (answer.status === 'alarm') throw standingAlarm(address, answer.code);
    throw unknownAccount(address);
  }

  /** What is known here; undefined: nothing. */
  async find(address: Address): Promise<KeyInfo | undefined> {
    const contact = await this.#contacts.find(address);
    return contact === undefined ? undefined : this.#infoOf(contact);
  }

  /** ASCII armor of what mail to the address is encrypted to. */
  async certificate(address: Address): Promise<string> {
    const contact = await this.#contacts.find(address);
    if (contact?.certificate === undefined) throw unknownAccount(address);
    return armorCertificate(contact.certificate);
  }

  /**
   * A person compared the fingerprint with its owner. An alarm about the account is over with that, and what is pinned here
   * is what counts.
   */
  async verify(address: Address, fingerprint: string): Promise<KeyInfo> {
    const contact = await this.#contacts.find(address);
    if (contact === undefined) throw unknownAccount(address);
    const wanted = fingerprint.replace(/[\s:]/g, '').toLowerCase();
    if (contact.certificate?.fingerprint !== wanted)
      throw new ClientError('refused', `the key of ${address} known here has another fingerprint`, {
        details: { known: contact.certificate?.fingerprint },
        fix: 'do not write to this address before you know why',
      });
    await this.#contacts.dismissAlarm(address);
    return this.#infoOf(await this.#contacts.markVerified(address));
  }

  async #infoOf(contact: Contact): Promise<KeyInfo> {
    return {
      address: contact.address,
      fingerprint: contact.certificate?.fingerprint,
      version: contact.document.version,
      source: 'chain',
      logged: await this.#contacts.isLogged(contact),
      since: contact.keySince,
      trust: contact.trust,
      alarm: this.#contacts.alarmOf(contact.address),
      isClosed: contact.document.closed,
    };
  }
}
