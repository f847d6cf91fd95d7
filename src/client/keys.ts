/**
 * Where the client keeps what in its store. One table, so that no two parts can meet in a key. Values under L, T, U, N
 * and R are sealed at rest; the others are ciphertext, signed headers and positions.
 */
import { concatBytes, fromHex, smallBytes, uint64Bytes, utf8, writeHex, writeUint64 } from '../base/index.ts';
import type { Address, ConversationId, FeedId, HomeName, PduId } from '../protocol/index.ts';
import { type KeySpan, under } from '../store/index.ts';

const ZERO = Uint8Array.of(0);

function tagged(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(utf8(tag), ...parts);
}

/** Made for each entry that comes, so in one piece. */
function numbered(tag: string, feed: FeedId, number: number): Uint8Array {
  const key = smallBytes(1 + 32 + 8);
  key[0] = tag.charCodeAt(0);
  writeHex(key, 1, feed);
  writeUint64(key, 33, number);
  return key;
}

/** The schema of this store. */
export const SCHEMA_KEY: Uint8Array = utf8('S schema');
/** Directory settings. */
export const SETTINGS_KEY: Uint8Array = utf8('S nodes');
/** The wall clock at the last sign of life, for spells offline. */
export const LAST_SEEN_KEY: Uint8Array = utf8('S seen');

/** An entry of a mailbox as it was received: `E feed number`. */
export function entryKey(feed: FeedId, number: number): Uint8Array {
  return numbered('E', feed, number);
}
export function entriesOf(feed: FeedId): KeySpan {
  return under(tagged('E', fromHex(feed)));
}

/** Where a PDU was first received: `D id` → place. */
export function placeKey(id: PduId): Uint8Array {
  const key = smallBytes(1 + 32);
  key[0] = 'D'.charCodeAt(0);
  writeHex(key, 1, id);
  return key;
}

/** The ledger of a feed: `G feed`. */
export function ledgerKey(feed: FeedId): Uint8Array {
  return tagged('G', fromHex(feed));
}
export const LEDGERS: KeySpan = under(utf8('G'));

/** What the verifier of a feed has walked: `M feed`. */
export function verifierKey(feed: FeedId): Uint8Array {
  return tagged('M', fromHex(feed));
}
/** Numbers given back to a restored home: `Z feed` → intervals. */
export function offeredKey(feed: FeedId): Uint8Array {
  return tagged('Z', fromHex(feed));
}

/** Bodies to fetch: `B feed number` → size. */
export function pendingBodyKey(feed: FeedId, number: number): Uint8Array {
  return numbered('B', feed, number);
}
export const PENDING_BODIES: KeySpan = under(utf8('B'));

/** Entries that did not verify: `V feed number` → verdict. */
export function unverifiedKey(feed: FeedId, number: number): Uint8Array {
  return numbered('V', feed, number);
}
export const UNVERIFIED: KeySpan = under(utf8('V'));

/** Entries encrypted to a key that this device does not have yet: `Q feed number` → nothing. */
export function unopenedKey(feed: FeedId, number: number): Uint8Array {
  return numbered('Q', feed, number);
}
export const UNOPENED: KeySpan = under(utf8('Q'));
/** The SHA-256 of the certificate with whose keys those were tried last. */
export const TRIED_WITH_KEY: Uint8Array = utf8('S tried');

/** Which entries of a feed wait to be indexed: `X feed` → intervals. */
export function indexedKey(feed: FeedId): Uint8Array {
  return tagged('X', fromHex(feed));
}
export const INDEXED: KeySpan = under(utf8('X'));

/** Received time, then id: the order of lists. Microseconds since 1970. */
export interface ListPosition {
  readonly receivedAt: number;
  readonly id: PduId;
}

function position({ receivedAt, id }: ListPosition): Uint8Array {
  return concatBytes(uint64Bytes(receivedAt), fromHex(id));
}

/** The summary of a message, sealed: `L received id`. */
export function summaryKey(at: ListPosition): Uint8Array {
  return tagged('L', position(at));
}
/** Summaries received in [from, to), microseconds. */
export function summariesBetween(from: number, to: number): KeySpan {
  return { from: tagged('L', uint64Bytes(from)), to: tagged('L', uint64Bytes(to)) };
}
export const SUMMARIES: KeySpan = under(utf8('L'));

/** Messages that changed and that who follows this client has not taken yet: `c received id` → which change. */
export function changedKey(at: ListPosition): Uint8Array {
  return tagged('c', position(at));
}
export const CHANGED: KeySpan = under(utf8('c'));

/** The readable text of a message, sealed: `T received id`. */
export function textKey(at: ListPosition): Uint8Array {
  return tagged('T', position(at));
}
export const TEXTS: KeySpan = under(utf8('T'));

/** Messages of a conversation: `C conversation received id` → nothing. */
export function conversationKey(conversation: ConversationId, at: ListPosition): Uint8Array {
  return tagged('C', fromHex(conversation), position(at));
}
export function conversationSpan(conversation: ConversationId): KeySpan {
  return under(tagged('C', fromHex(conversation)));
}

/** Unread messages, so that few among many are found: `U pseudonym` → position, sealed. */
export function unreadKey(pseudonym: Uint8Array): Uint8Array {
  return tagged('U', pseudonym);
}
export const UNREAD: KeySpan = under(utf8('U'));

/** What devices said about a subject: `R pseudonym` → registers, sealed. */
export function registersKey(pseudonym: Uint8Array): Uint8Array {
  return tagged('R', pseudonym);
}
export const REGISTERS: KeySpan = under(utf8('R'));

/** Changes of this device that no note carries yet: `N counter` → operation, sealed. */
export function pendingChangeKey(counter: number): Uint8Array {
  return tagged('N', uint64Bytes(counter));
}
export const PENDING_CHANGES: KeySpan = under(utf8('N'));
/** The greatest Lamport counter seen. */
export const COUNTER_KEY: Uint8Array = utf8('S counter');
/** Notes applied, by place: what a snapshot can supersede. `J feed number` → nothing. */
export function noteKey(feed: FeedId, number: number): Uint8Array {
  return tagged('J', fromHex(feed), uint64Bytes(number));
}
export const NOTES: KeySpan = under(utf8('J'));

/** Messages to erase at the home: `Y feed number` → nothing. */
export function erasureKey(feed: FeedId, number: number): Uint8Array {
  return tagged('Y', fromHex(feed), uint64Bytes(number));
}
export const ERASURES: KeySpan = under(utf8('Y'));

/** Where else a PDU came: `F id feed number` → nothing. */
export function copyKey(id: PduId, feed: FeedId, number: number): Uint8Array {
  return tagged('F', fromHex(id), fromHex(feed), uint64Bytes(number));
}
export function copiesOf(id: PduId): KeySpan {
  return under(tagged('F', fromHex(id)));
}

/** What waits to be sent: `O number` → item, and `P number` → body. */
export function outboxKey(number: number): Uint8Array {
  return tagged('O', uint64Bytes(number));
}
export const OUTBOX: KeySpan = under(utf8('O'));
export function outboxBodyKey(number: number): Uint8Array {
  return tagged('P', uint64Bytes(number));
}
/** Pieces of an attachment that waits to be sent: `a id number` → bytes as they travel; number 0 is the chunk list. */
export function stagedPieceKey(id: Uint8Array, number: number): Uint8Array {
  return tagged('a', id, uint64Bytes(number));
}
export function stagedPiecesOf(id: Uint8Array): KeySpan {
  return under(tagged('a', id));
}
export const STAGED_PIECES: KeySpan = under(utf8('a'));
/** Under which id the pieces of a list are: `b list` → row. */
export function stagedListKey(list: string): Uint8Array {
  return tagged('b', fromHex(list));
}
export const STAGED_LISTS: KeySpan = under(utf8('b'));
/** What an import already made: `I sha256` → PDU id. */
export function importKey(hash: Uint8Array): Uint8Array {
  return tagged('I', hash);
}

/** By which name a PDU was handed in: `s id` → the mail's key. */
export function handedInKey(id: PduId): Uint8Array {
  return tagged('s', fromHex(id));
}

/** What of such a mail is ordinary mail: `o sha256` → to whom, and whether it is encrypted. */
export function ordinaryKey(hash: Uint8Array): Uint8Array {
  return tagged('o', hash);
}

/** What waits to be sent, and by which name it was handed in: who keeps these rows loses nothing, and sends nothing twice. */
export const OUTBOX_SPANS: readonly KeySpan[] = Object.freeze([...'OPIabos'].map((tag) => under(utf8(tag))));

/** Documents of an account's chain: `A address 0 version`. */
export function accountKey(address: Address, version: number): Uint8Array {
  return tagged('A', utf8(address), ZERO, uint64Bytes(version));
}
export function accountVersions(address: Address): KeySpan {
  return under(tagged('A', utf8(address), ZERO));
}
/** What is remembered of an account: `K address` → contact row. */
export function contactKey(address: Address): Uint8Array {
  return tagged('K', utf8(address));
}
export const CONTACTS: KeySpan = under(utf8('K'));
/** Documents of the home's chain: `H version`. */
export function homeKey(version: number): Uint8Array {
  return tagged('H', uint64Bytes(version));
}
export const HOME_VERSIONS: KeySpan = under(utf8('H'));

/** Documents of another home's chain: `h home 0 version`. */
export function otherHomeKey(home: HomeName, version: number): Uint8Array {
  return tagged('h', utf8(home), ZERO, uint64Bytes(version));
}
export function otherHomeVersions(home: HomeName): KeySpan {
  return under(tagged('h', utf8(home), ZERO));
}

/** The key log of a home that is followed: `k home 0` → its public key. The log's own rows lie under its prefix. */
export function followedLogKey(home: HomeName): Uint8Array {
  return tagged('k', utf8(home), ZERO);
}
export function keyLogPrefix(home: HomeName, publicKey: Uint8Array): Uint8Array {
  return tagged('l', utf8(home), ZERO, publicKey);
}

/** A verified PDU of a conversation, with its body where that is in clear: `p conversation id` → conversation row. */
export function conversationPduKey(conversation: ConversationId, id: PduId): Uint8Array {
  return tagged('p', fromHex(conversation), fromHex(id));
}
export function conversationPdus(conversation: ConversationId): KeySpan {
  return under(tagged('p', fromHex(conversation)));
}

/** What became of a mail at another home, or of a letter for one recipient: `w id home` or `w id address` → delivery report. */
export function deliveryKey(id: PduId, whose: HomeName | Address): Uint8Array {
  return tagged('w', fromHex(id), utf8(whose));
}
export const DELIVERIES: KeySpan = under(utf8('w'));

/** Alarms: `W code 0 subject` → alarm. */
export function alarmKey(code: string, subject: string): Uint8Array {
  return tagged('W', utf8(code), ZERO, utf8(subject.slice(0, 400)));
}
export const ALARMS: KeySpan = under(utf8('W'));
