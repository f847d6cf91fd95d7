/** The rows of the views, in their one spelling each: fixed layouts, big-endian, so a page of them decodes without garbage. */
import {
  concatBytes,
  fromHex,
  readUint32,
  readUint64,
  smallBytes,
  toHex,
  uint64Bytes,
  writeHex,
  writeUint32,
  writeUint64,
} from '../base/index.ts';
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
  const bytes = smallBytes(MAILBOX_ROW_BYTES);
  writeUint64(bytes, 0, row.index);
  writeUint64(bytes, 8, row.receivedAt);
  bytes[16] = row.kind;
  writeUint32(bytes, 17, row.bodySize);
  writeHex(bytes, 21, row.pduId);
  bytes.set(row.previousLink, 53);
  return bytes;
}

/** Apart from the rest, since to spell it costs more than that. */
export function pduIdOfMailboxRow(bytes: Uint8Array): PduId {
  return toHex(bytes.subarray(21, 53)) as PduId;
}

/** Without the PDU's id: see `pduIdOfMailboxRow`. */
export function decodeMailboxRow(bytes: Uint8Array): Omit<MailboxRow, 'pduId'> {
  return {
    index: readUint64(bytes, 0),
    receivedAt: readUint64(bytes, 8),
    kind: bytes[16] as number,
    bodySize: readUint32(bytes, 17),
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
  /**
   * How far numbers are erased beyond `number`, else 0: another feed that tells of an erasure may be folded before the
   * entries that it speaks of.
   */
  readonly erasedTo: number;
}

export const EMPTY_MAILBOX: MailboxState = Object.freeze({
  number: 0,
  link: new Uint8Array(32),
  heldBytes: 0,
  expiredTo: 0,
  lastHour: 0,
  erasedTo: 0,
});

const MAILBOX_STATE_BYTES = 64;
/** With `erasedTo`, which is rare. */
const MAILBOX_STATE_AHEAD_BYTES = 72;

export function encodeMailboxState(state: MailboxState): Uint8Array {
  const isAhead = state.erasedTo > state.number;
  const bytes = new Uint8Array(isAhead ? MAILBOX_STATE_AHEAD_BYTES : MAILBOX_STATE_BYTES);
  writeUint64(bytes, 0, state.number);
  bytes.set(state.link, 8);
  writeUint64(bytes, 40, state.heldBytes);
  writeUint64(bytes, 48, state.expiredTo);
  writeUint64(bytes, 56, state.lastHour);
  if (isAhead) writeUint64(bytes, 64, state.erasedTo);
  return bytes;
}

/** Of the row of a mailbox's head, when it has one. */
export function mailboxStateOf(row: Uint8Array | undefined): MailboxState {
  return row === undefined ? EMPTY_MAILBOX : decodeMailboxState(row);
}

export function decodeMailboxState(bytes: Uint8Array): MailboxState {
  return {
    number: readUint64(bytes, 0),
    link: bytes.subarray(8, 40),
    heldBytes: readUint64(bytes, 40),
    expiredTo: readUint64(bytes, 48),
    lastHour: readUint64(bytes, 56),
    erasedTo: bytes.length < MAILBOX_STATE_AHEAD_BYTES ? 0 : readUint64(bytes, 64),
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

/** A chunk list that somebody brought. */
export interface ChunkListRow {
  /** Microseconds since 1970, the last time that it came. */
  readonly receivedAt: number;
  /** How many chunks it names. */
  readonly chunkCount: number;
}

export function encodeChunkListRow({ receivedAt, chunkCount }: ChunkListRow): Uint8Array {
  return concatBytes(uint64Bytes(receivedAt), uint64Bytes(chunkCount));
}

export function decodeChunkListRow(bytes: Uint8Array): ChunkListRow {
  return { receivedAt: readUint64(bytes, 0), chunkCount: readUint64(bytes, 8) };
}

/** A block of a feed. */
export interface Location {
  readonly feed: FeedId;
  readonly index: number;
}

const LOCATION_BYTES = 40;

/** In order of feed and index, each once, so that no row depends on which feed was folded first. */
export function sortLocations(locations: readonly Location[]): readonly Location[] {
  return [...locations].sort((a, b) => (a.feed === b.feed ? a.index - b.index : a.feed < b.feed ? -1 : 1));
}

export function encodeLocations(locations: readonly Location[]): Uint8Array {
  const bytes = new Uint8Array(LOCATION_BYTES * locations.length);
  for (const [i, { feed, index }] of locations.entries()) {
    writeHex(bytes, LOCATION_BYTES * i, feed);
    writeUint64(bytes, LOCATION_BYTES * i + 32, index);
  }
  return bytes;
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
