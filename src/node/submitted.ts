/** A submitted PDU: whose signature it must carry, and the entry that it becomes. */
import { fromHex } from '../base/index.ts';
import { type AccountDocument, type Address, EntryKind, findDevice, type Pdu } from '../protocol/index.ts';
import type { NewEntry } from './journal.ts';

/** Who submits: a person's authenticated session. */
export interface Submitter {
  readonly address: Address;
}

export function newEntry(pdu: Pdu, body: Uint8Array, accounts: readonly Address[]): NewEntry {
  return {
    header: {
      kind: pdu.type === 'note' ? EntryKind.NOTE : EntryKind.MAIL,
      pdu: pdu.header,
      accounts: [...accounts],
    },
    body,
    bodySha256: fromHex(pdu.body.sha256),
    pdu,
  };
}

/**
 * The key of the device that the header names. What a device signed before it was revoked stays right, but nobody can
 * prove when it signed: a revoked device counts only for mail that a recipient gives back, never for its own submits.
 */
export function signingKey(author: AccountDocument, pdu: Pdu, submitter: Submitter): Uint8Array | undefined {
  const device = findDevice(author, pdu.device);
  if (device !== undefined || submitter.address === pdu.author) return device?.key;
  return author.revoked.find((revoked) => revoked.id === pdu.device)?.key;
}
