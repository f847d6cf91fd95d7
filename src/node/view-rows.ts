/** The rows of the views, in their one spelling each: fixed layouts, big-endian, so a page of them decodes without garbage. */
import { concatBytes, fromHex, readUint64, toHex, uint64Bytes } from '../base/index.ts';
import type { FeedId, PduId } from '../protocol/index.ts';

/** One entry of a mailbox. */
export interface MailboxRow {
  /** Block index of the header block. */
  readonly index: number;
  /** Microseconds since 1970. */
  readonly receivedAt: number;
  readonly kind: number;
  /** Bytes of the body; 0 when there is none. */
  readonly bodySize: number;
  readonly pduId: PduId;
  /** The link of the number before. */
  readonly previousLink: Uint8Array;
}

const MAILBOX_ROW_BYTES = 85;

export function encodeMailboxRow(row: MailboxRow): Uint8Array {
  const bytes = new Uint8Array(MAILBOX_ROW_BYTES);
  const data = new DataView(bytes.buffer);
  data.setBigUint64(0, BigInt(row.index));
  data.setBigUint64(8, BigInt(row.receivedAt));
  data.setUint8(16, row.kind);
  data.setUint32(17, row.bodySize);
  bytes.set(fromHex(row.pduId), 21);
  bytes.set(row.previousLink, 53);
  return bytes;
}

export function decodeMailboxRow(bytes: Uint8Array): MailboxRow {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    index: readUint64(bytes, 0),
    receivedAt: readUint64(bytes, 8),
    kind: data.getUint8(16),
    bodySize: data.getUint32(17),
    pduId: toHex(bytes.subarray(21, 53)) as PduId,
    previousLink: bytes.subarray(53, 85),
  };
}

/** A mailbox in one feed, now. */
export interface MailboxState {
  /** Entries. */
  readonly number: number;
  /** The link of `number`. */
  readonly link: Uint8Array;
  /** Bytes of bodies not erased. */
  readonly heldBytes: number;
  /** Bodies of 1 … expiredTo are gone by retention. */
  readonly expiredTo: number;
  /** The last hour that has a row in the hour view. */
  readonly lastHour: number;
}

export const EMPTY_MAILBOX: MailboxState = Object.freeze({
  number: 0,
  link: new Uint8Array(32),
  heldBytes: 0,
  expiredTo: 0,
  lastHour: 0,
});

export function encodeMailboxState(state: MailboxState): Uint8Array {
  return concatBytes(
    uint64Bytes(state.number),
    state.link,
    uint64Bytes(state.heldBytes),
    uint64Bytes(state.expiredTo),
    uint64Bytes(state.lastHour),
  );
}

export function decodeMailboxState(bytes: Uint8Array): MailboxState {
  return {
    number: readUint64(bytes, 0),
    link: bytes.subarray(8, 40),
    heldBytes: readUint64(bytes, 40),
    expiredTo: readUint64(bytes, 48),
    lastHour: readUint64(bytes, 56),
  };
}

/** One PDU that another home is to get. */
export interface OutboxRow {
  /** Block index of the header block. */
  readonly index: number;
  readonly pduId: PduId;
}

export function encodeOutboxRow({ index, pduId }: OutboxRow): Uint8Array {
  return concatBytes(uint64Bytes(index), fromHex(pduId));
}

export function decodeOutboxRow(bytes: Uint8Array): OutboxRow {
  return { index: readUint64(bytes, 0), pduId: toHex(bytes.subarray(8, 40)) as PduId };
}

/** A block of a feed. */
export interface Location {
  readonly feed: FeedId;
  readonly index: number;
}

const LOCATION_BYTES = 40;

export function encodeLocations(locations: readonly Location[]): Uint8Array {
  return concatBytes(...locations.flatMap(({ feed, index }) => [fromHex(feed), uint64Bytes(index)]));
}

export function decodeLocations(bytes: Uint8Array): Location[] {
  const locations: Location[] = [];
  for (let offset = 0; offset < bytes.length; offset += LOCATION_BYTES)
    locations.push({
      feed: toHex(bytes.subarray(offset, offset + 32)) as FeedId,
      index: readUint64(bytes, offset + 32),
    });
  return locations;
}
