/**
 * What an entry is worth: its header's form, to whom it is addressed, whose device signed it, whether the body is the one
 * that was signed. Synchronous, since thousands come each second; who the authors are is asked before.
 */
import type { CryptoSuite } from '../../base/index.ts';
import {
  type Address,
  BodyState,
  type Entry,
  EntryKind,
  type Pdu,
  type PduId,
  ProtocolError,
  parsePdu,
  pduIdOf,
} from '../../protocol/index.ts';
import type { AlarmCode } from '../alarm.ts';
import type { Contact } from '../contacts/contact.ts';
import type { EntryVerdict, StoredBody } from '../mail/entry-row.ts';

/** A header read, its author not judged yet. */
export interface ReadEntry {
  readonly number: number;
  readonly index: number;
  readonly receivedAt: number;
  readonly previousLink: Uint8Array;
  readonly pduId: PduId;
  readonly entry: Entry;
  /** Undefined: not a PDU for this account. */
  readonly pdu: Pdu | undefined;
}

/** What the author's chain and the signature say. */
export type AuthorVerdict = Extract<EntryVerdict, 'ok' | 'bad_signature' | 'unknown_device' | 'unknown_author'>;

/** A header whose author is judged, or that is no PDU for this account. */
export interface SignedEntry extends ReadEntry {
  readonly author: AuthorVerdict | undefined;
}

export interface JudgedEntry extends SignedEntry {
  readonly verdict: EntryVerdict;
  readonly bodyState: StoredBody;
  readonly alarm: AlarmCode | undefined;
}

/** Undefined: numbers or lengths that no mailbox has. */
export function readEntry(suite: CryptoSuite, own: Address, entry: Entry): ReadEntry | undefined {
  const { number, index, receivedAt, previousLink } = entry;
  if (number < 1 || previousLink.length !== 32) return undefined;
  const pdu = readPdu(suite, entry.pdu);
  const fits = pdu?.recipients.includes(own) === true && kindOf(pdu) === entry.kind;
  return {
    number,
    index,
    receivedAt,
    previousLink,
    pduId: pdu?.id ?? pduIdOf(suite, entry.pdu),
    entry,
    pdu: fits ? pdu : undefined,
  };
}

/** The body, and what was found out of the author before. */
export function judgeEntry(suite: CryptoSuite, signed: SignedEntry): JudgedEntry {
  const { author, entry, pdu } = signed;
  if (pdu === undefined || author === undefined)
    return { ...signed, verdict: 'malformed', bodyState: 'none', alarm: 'malformed_entry' };
  const { bodyState, wrong } = judgeBody(suite, pdu, entry);
  return { ...signed, verdict: author, bodyState, alarm: wrong ? 'wrong_body' : ALARMS[author] };
}

const ALARMS: Record<AuthorVerdict, AlarmCode | undefined> = {
  ok: undefined,
  bad_signature: 'bad_signature',
  unknown_device: 'unknown_device',
  unknown_author: 'unknown_device',
};

/** The key by which a PDU must be signed, or why there is none. `author` is undefined when nobody knows the account. */
export function signerOf(pdu: Pdu, author: Contact | undefined): Uint8Array | 'unknown_author' | 'unknown_device' {
  if (author === undefined) return 'unknown_author';
  return author.devices.get(pdu.device) ?? 'unknown_device';
}

export function isBodyOf(suite: CryptoSuite, pdu: Pdu, body: Uint8Array): boolean {
  return body.length === pdu.body.size && suite.sha256Hex(body) === pdu.body.sha256;
}

/** A wrong body is as good as none: it is asked for again, of any node. */
function judgeBody(suite: CryptoSuite, pdu: Pdu, entry: Entry): { bodyState: StoredBody; wrong: boolean } {
  switch (entry.bodyState) {
    case BodyState.INLINE: {
      const right = isBodyOf(suite, pdu, entry.body);
      return { bodyState: right ? 'here' : 'pending', wrong: !right };
    }
    case BodyState.ERASED:
      return { bodyState: 'erased', wrong: false };
    case BodyState.NONE:
      return { bodyState: pdu.body.size === 0 ? 'none' : 'pending', wrong: false };
    default:
      return { bodyState: 'pending', wrong: false };
  }
}

function kindOf(pdu: Pdu): EntryKind {
  return pdu.type === 'note' ? EntryKind.NOTE : EntryKind.MAIL;
}

function readPdu(suite: CryptoSuite, header: Uint8Array): Pdu | undefined {
  try {
    return parsePdu(suite, header);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined; // numbered by the node, and no PDU: recorded as such
    throw error;
  }
}
