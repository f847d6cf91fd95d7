/** Where federation keeps its rows: all under `D`, none of them a view of entries. */
import { concatBytes, fromHex, uint64Bytes, utf8 } from '../base/index.ts';
import type { Address, ConversationId, FeedId, HomeName, PduId } from '../protocol/index.ts';
import { type KeySpan, under } from '../store/index.ts';

const ZERO = Uint8Array.of(0);

function ofHome(tag: string, home: HomeName): Uint8Array {
  return concatBytes(utf8(`D${tag}`), utf8(home), ZERO);
}

/** The pinned chain of another home: `Dh home 0 version` → document. */
export function pinnedKey(home: HomeName, version: number): Uint8Array {
  return concatBytes(ofHome('h', home), uint64Bytes(version));
}
export function pinnedVersions(home: HomeName): KeySpan {
  return under(ofHome('h', home));
}

/** When that chain was last seen where it is published: `Dc home 0` → milliseconds since 1970. */
export function checkedKey(home: HomeName): Uint8Array {
  return ofHome('c', home);
}

/** A destination: `Dd home 0` → back-off, last success, last error, what it rejected. */
export function destinationKey(home: HomeName): Uint8Array {
  return ofHome('d', home);
}
export const DESTINATIONS: KeySpan = under(utf8('Dd'));

/** One of our feeds towards a destination: `Df home 0 feed` → acknowledged number, range in flight. */
export function lineKey(home: HomeName, feed: FeedId): Uint8Array {
  return concatBytes(ofHome('f', home), fromHex(feed));
}
export function linesOf(home: HomeName): KeySpan {
  return under(ofHome('f', home));
}

/** What a destination answered "later" to: `Dl home 0 feed number` → attempt, due time. */
export function deferredKey(home: HomeName, feed: FeedId, number: number): Uint8Array {
  return concatBytes(ofHome('l', home), fromHex(feed), uint64Bytes(number));
}
export function deferredOf(home: HomeName): KeySpan {
  return under(ofHome('l', home));
}

/** What a destination rejected, until its author is told: `Dj home 0 feed number` → why. */
export function rejectionKey(home: HomeName, feed: FeedId, number: number): Uint8Array {
  return concatBytes(ofHome('j', home), fromHex(feed), uint64Bytes(number));
}
export const REJECTIONS: KeySpan = under(utf8('Dj'));

/** A mail whose author was told that it waits: `Dt home 0 feed number` → author and PDU. */
export function delayedKey(home: HomeName, feed: FeedId, number: number): Uint8Array {
  return concatBytes(ofHome('t', home), fromHex(feed), uint64Bytes(number));
}
/** How far a feed of ours was looked at for such mail: `Du home 0 feed` → number. */
export function lookedAtKey(home: HomeName, feed: FeedId): Uint8Array {
  return concatBytes(ofHome('u', home), fromHex(feed));
}

/** What became of a mail at another home: `Dv author 0 PDU home` → delivery report. */
export function reportKey(author: Address, pdu: PduId, home: HomeName): Uint8Array {
  return concatBytes(utf8(`Dv${author}`), ZERO, fromHex(pdu), utf8(home));
}
export function reportsOf(author: Address): KeySpan {
  return under(concatBytes(utf8(`Dv${author}`), ZERO));
}

/** A hint that is owed: `Do home 0 conversation` → a random mark, by which one that is owed again is told apart. */
export function owedHintKey(home: HomeName, conversation: ConversationId): Uint8Array {
  return concatBytes(ofHome('o', home), fromHex(conversation));
}
export function owedHintsOf(home: HomeName): KeySpan {
  return under(ofHome('o', home));
}

/** How far we hold a feed of another home: `Dr home 0 feed` → number. */
export function heldKey(home: HomeName, feed: FeedId): Uint8Array {
  return concatBytes(ofHome('r', home), fromHex(feed));
}
export function heldOf(home: HomeName): KeySpan {
  return under(ofHome('r', home));
}
export const HELD: KeySpan = under(utf8('Dr'));

/** What we answered "later" to: `Dw home 0 feed number` → attempt, due time. */
export function wantedKey(home: HomeName, feed: FeedId, number: number): Uint8Array {
  return concatBytes(ofHome('w', home), fromHex(feed), uint64Bytes(number));
}
export function wantedOf(home: HomeName): KeySpan {
  return under(ofHome('w', home));
}

/** The answer to a transaction: `Da home 0 txn` → bytes. */
export function answerKey(home: HomeName, txn: string): Uint8Array {
  return concatBytes(ofHome('a', home), utf8(txn));
}
/** Which transactions have answers, in order: `Dq home 0 sequence` → txn. */
export function answeredKey(home: HomeName, sequence: number): Uint8Array {
  return concatBytes(ofHome('q', home), uint64Bytes(sequence));
}
export function answeredOf(home: HomeName): KeySpan {
  return under(ofHome('q', home));
}

/** The pinned chain of an account of another home: `Dp address 0 version` → document. */
export function personKey(address: Address, version: number): Uint8Array {
  return concatBytes(utf8(`Dp${address}`), ZERO, uint64Bytes(version));
}
export const PEOPLE: KeySpan = under(utf8('Dp'));
export function personVersions(address: Address): KeySpan {
  return under(concatBytes(utf8(`Dp${address}`), ZERO));
}

/** A conversation in which PDUs are lacking: `Dm conversation` → a mark, and what other homes say they hold of it. */
export function holeKey(conversation: ConversationId): Uint8Array {
  return concatBytes(utf8('Dm'), fromHex(conversation));
}
export const HOLES: KeySpan = under(utf8('Dm'));

/** How far a feed of ours was announced: `Dn feed` → block. */
export function announcedKey(feed: FeedId): Uint8Array {
  return concatBytes(utf8('Dn'), fromHex(feed));
}

/** The key log of another home that we follow: `Dk home 0` → its public key. The log's own rows lie under its prefix. */
export function followedKey(home: HomeName): Uint8Array {
  return ofHome('k', home);
}
export const FOLLOWED: KeySpan = under(utf8('Dk'));
export function mirrorsOf(home: HomeName): KeySpan {
  return under(ofHome('g', home));
}
export function mirrorPrefix(home: HomeName, publicKey: Uint8Array): Uint8Array {
  return concatBytes(ofHome('g', home), publicKey);
}
