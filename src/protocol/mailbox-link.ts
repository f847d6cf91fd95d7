/**
 * The mailbox chain: what makes a mailbox number provable. Each entry of a mailbox has a link, the hash of the link before
 * it and of what the entry is; the node signs the link of the head. A client that knows any link can check its neighbours
 * in both directions, so a node that withholds, renumbers or shows two histories contradicts its own signature.
 */
import { type CryptoSuite, concatBytes, fromHex, uint64Bytes, utf8, writeHex, writeUint64 } from '../base/index.ts';
import type { Address, FeedId, PduId } from './ids.ts';

export interface LinkedEntry {
  readonly number: number;
  /** Block index of the header block in the feed. */
  readonly index: number;
  /** Microseconds since 1970. */
  readonly receivedAt: number;
  readonly pduId: PduId;
}

/** The link before number 1. */
export const FIRST_LINK: Uint8Array = new Uint8Array(32);

/** SHA-256(previous link ‖ number ‖ index ‖ received time ‖ PDU id), integers as 8 big-endian bytes. */
export function linkOf(suite: CryptoSuite, previousLink: Uint8Array, entry: LinkedEntry): Uint8Array {
  LINKED.set(previousLink, 0);
  writeUint64(LINKED, 32, entry.number);
  writeUint64(LINKED, 40, entry.index);
  writeUint64(LINKED, 48, entry.receivedAt);
  writeHex(LINKED, 56, entry.pduId);
  return suite.sha256(LINKED);
}

/** What is hashed, put together in the same place each time: a suite reads it before it returns. */
const LINKED = new Uint8Array(88);

export interface SignedHead {
  readonly feed: FeedId;
  /** Entries of the mailbox in this feed. */
  readonly number: number;
  readonly link: Uint8Array;
  /** Bodies of entries 1 … expiredTo are gone by the account's retention. */
  readonly expiredTo: number;
  /** The feed will not grow. */
  readonly retired: boolean;
}

const HEAD_SIGNED_AS = utf8('restante head 1\n');

/** What a node signs to say how long `address`'s mailbox in a feed is. */
export function headBytes(address: Address, head: SignedHead): Uint8Array {
  return concatBytes(
    HEAD_SIGNED_AS,
    utf8(address),
    Uint8Array.of(0),
    fromHex(head.feed),
    uint64Bytes(head.number),
    head.link,
    uint64Bytes(head.expiredTo),
    Uint8Array.of(head.retired ? 1 : 0),
  );
}
