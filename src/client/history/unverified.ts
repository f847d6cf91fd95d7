/**
 * Entries that did not verify are kept beside the mail. Those whose author or device was not known are judged again when a
 * node is connected: the home may have learnt of them meanwhile.
 */
import { type CryptoSuite, readUint64, toHex } from '../../base/index.ts';
import { parseFeedId, parsePdu, verifyPdu } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { Contacts } from '../contacts/contacts.ts';
import { entryKey, UNVERIFIED } from '../keys.ts';
import { UNVERIFIED_LOOKED_AT } from '../limits.ts';
import { decodeEntryRow } from '../mail/entry-row.ts';
import { signerOf } from './entry-judge.ts';
import { acceptEntry } from './held-entry.ts';
import type { PageSource } from './page-intake.ts';

export interface UnverifiedDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly contacts: Contacts;
  readonly onStored: () => void;
}

export class Unverified {
  readonly #deps: UnverifiedDeps;

  constructor(deps: UnverifiedDeps) {
    this.#deps = deps;
  }

  async count(): Promise<number> {
    return (await this.#deps.store.range({ ...UNVERIFIED, limit: UNVERIFIED_LOOKED_AT })).length;
  }

  async judgeAgain({ connection, node }: PageSource): Promise<void> {
    const { contacts, onStored, store, suite } = this.#deps;
    const rows = await store.range({ ...UNVERIFIED, limit: UNVERIFIED_LOOKED_AT });
    const asked = new Set<string>();
    for (const { key } of rows) {
      const place = { feed: parseFeedId(toHex(key.subarray(1, 33))), number: readUint64(key, 33) };
      const value = await store.get(entryKey(place.feed, place.number));
      const row = value === undefined ? undefined : decodeEntryRow(value);
      if (row?.verdict !== 'unknown_author' && row?.verdict !== 'unknown_device') continue;
      const pdu = parsePdu(suite, row.pdu);
      if (!asked.has(pdu.author)) await contacts.lookUp(connection, pdu.author, { node });
      asked.add(pdu.author);
      const signer = signerOf(pdu, contacts.peek(pdu.author));
      if (typeof signer === 'string' || !verifyPdu(suite, pdu, signer)) continue;
      await store.transact((transaction) => acceptEntry(transaction, place, pdu));
      onStored();
    }
  }
}
