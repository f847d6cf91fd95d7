/**
 * An entry as it was received: the signed header, the ciphertext, its place and what verifying it said. Fixed layout, so
 * that a page of them is written and read without garbage:
 * version 1 ‖ verdict 1 ‖ body state 1 ‖ kind 1 ‖ index 8 ‖ received 8 ‖ previous link 32 ‖ header size 4 ‖ header ‖ body.
 */
import { readUint32, readUint64, toHex, writeHex, writeUint32, writeUint64 } from '../../base/index.ts';
import { type FeedId, parseFeedId } from '../../protocol/index.ts';
import { ClientError } from '../client-error.ts';

/** What verifying an entry said. `copy`: the same PDU came before, from another feed or under another number. */
export type EntryVerdict = 'ok' | 'copy' | 'bad_signature' | 'unknown_device' | 'unknown_author' | 'malformed';
/** `pending`: to be fetched; `erased`: deleted, expired or superseded at the home; `dropped`: deleted here. */
export type StoredBody = 'here' | 'pending' | 'erased' | 'none' | 'dropped';

export interface EntryRow {
  readonly verdict: EntryVerdict;
  readonly bodyState: StoredBody;
  /** restante.entry.v1.EntryKind. */
  readonly kind: number;
  /** Block index of the header block in its feed. */
  readonly index: number;
  /** Microseconds since 1970 by the node's clock. */
  readonly receivedAt: number;
  readonly previousLink: Uint8Array;
  readonly pdu: Uint8Array;
  /** Empty unless the state is `here`. */
  readonly body: Uint8Array;
}

const VERSION = 1;
const FIXED_BYTES = 56;
const VERDICTS: readonly EntryVerdict[] = [
  'ok',
  'copy',
  'bad_signature',
  'unknown_device',
  'unknown_author',
  'malformed',
];
const STATES: readonly StoredBody[] = ['here', 'pending', 'erased', 'none', 'dropped'];

export function encodeEntryRow(row: EntryRow): Uint8Array {
  const bytes = new Uint8Array(FIXED_BYTES + row.pdu.length + row.body.length);
  bytes[0] = VERSION;
  bytes[1] = VERDICTS.indexOf(row.verdict);
  bytes[2] = STATES.indexOf(row.bodyState);
  bytes[3] = row.kind;
  writeUint64(bytes, 4, row.index);
  writeUint64(bytes, 12, row.receivedAt);
  bytes.set(row.previousLink, 20);
  writeUint32(bytes, 52, row.pdu.length);
  bytes.set(row.pdu, FIXED_BYTES);
  bytes.set(row.body, FIXED_BYTES + row.pdu.length);
  return bytes;
}

/** Throws ClientError `corrupt_store`. */
export function decodeEntryRow(bytes: Uint8Array): EntryRow {
  const verdict = VERDICTS[bytes[1] ?? 255];
  const bodyState = STATES[bytes[2] ?? 255];
  if (bytes.length < FIXED_BYTES || bytes[0] !== VERSION || verdict === undefined || bodyState === undefined)
    throw new ClientError('corrupt_store', 'an entry of the store does not read');
  const pduEnd = FIXED_BYTES + readUint32(bytes, 52);
  return {
    verdict,
    bodyState,
    kind: bytes[3] as number,
    index: readUint64(bytes, 4),
    receivedAt: readUint64(bytes, 12),
    previousLink: bytes.subarray(20, 52),
    pdu: bytes.subarray(FIXED_BYTES, pduEnd),
    body: bytes.subarray(pduEnd),
  };
}

/** Where a PDU was received first. */
export interface Place {
  readonly feed: FeedId;
  readonly number: number;
  /** Microseconds since 1970. */
  readonly receivedAt: number;
}

const PLACE_BYTES = 48;

export function encodePlace(place: Place): Uint8Array {
  const bytes = new Uint8Array(PLACE_BYTES);
  writeHex(bytes, 0, place.feed);
  writeUint64(bytes, 32, place.number);
  writeUint64(bytes, 40, place.receivedAt);
  return bytes;
}

/** Throws ClientError `corrupt_store`. */
export function decodePlace(bytes: Uint8Array): Place {
  if (bytes.length !== PLACE_BYTES) throw new ClientError('corrupt_store', 'a place of the store does not read');
  return {
    feed: parseFeedId(toHex(bytes.subarray(0, 32))),
    number: readUint64(bytes, 32),
    receivedAt: readUint64(bytes, 40),
  };
}
