/**
 * Where each view lives in the store. A view is a function of the set of entries; everything under `V` can be thrown away
 * and folded again. `S` holds what is not: the operator's settings, invites and the list of feeds.
 */
import { LRUCache } from 'lru-cache';
import { concatBytes, fromHex, smallBytes, uint64Bytes, utf8, writeHex, writeUint64 } from '../base/index.ts';
import type { Address, ConversationId, FeedId, HomeName, PduId } from '../protocol/index.ts';
import { type KeySpan, under } from '../store/index.ts';
import { FEED_IDS_CACHED_MAX } from './limits.ts';

const ZERO = Uint8Array.of(0);

function view(tag: string): Uint8Array {
  return utf8(`V${tag}`);
}

function ofAccount(tag: string, address: Address): Uint8Array {
  return concatBytes(view(tag), utf8(address), ZERO);
}

const feedBytes = new LRUCache<FeedId, Uint8Array>({ max: FEED_IDS_CACHED_MAX });

function bytesOf(feed: FeedId): Uint8Array {
  const known = feedBytes.get(feed);
  if (known !== undefined) return known;
  const bytes = fromHex(feed);
  feedBytes.set(feed, bytes);
  return bytes;
}

const MAILBOX_KEY_FRAME = 3 + 32;

/** Made several times for each mail, so in one piece. Addresses are ASCII: a byte for each character. */
function ofMailbox(tag: string, address: Address, feed: FeedId, number?: number): Uint8Array {
  const end = MAILBOX_KEY_FRAME + address.length;
  const key = smallBytes(number === undefined ? end : end + 8);
  key[0] = VIEW_CODE;
  key[1] = tag.charCodeAt(0);
  for (let i = 0; i < address.length; i++) key[2 + i] = address.charCodeAt(i);
  key.set(bytesOf(feed), 3 + address.length);
  if (number !== undefined) writeUint64(key, end, number);
  return key;
}

const VIEW_CODE = 'V'.charCodeAt(0);
const PDU_CODE = 'P'.charCodeAt(0);
const CONVERSATION_CODE = 'G'.charCodeAt(0);

export const VIEWS: KeySpan = { from: utf8('V'), to: utf8('W') };

/**
 * What stands under an account's name: its chain with all candidates, vault record, heads, mailboxes, hours, erasures, chunk
 * lists, what its mail attaches.
 */
export function viewsOf(address: Address): readonly KeySpan[] {
  return ['A', 'H', 'I', 'M', 'N', 'R', 'T', 'X', 'Y'].map((tag) => under(ofAccount(tag, address)));
}

/** Account documents by version: `A address 0 version` → document. */
export function accountKey(address: Address, version: number): Uint8Array {
  return concatBytes(ofAccount('A', address), uint64Bytes(version));
}
export function accountVersions(address: Address): KeySpan {
  return under(ofAccount('A', address));
}
export const ACCOUNTS: KeySpan = under(view('A'));

/** Links for a version of an account: `N address 0 version hash` → candidate row (chain-fold.ts). */
export function accountCandidates(address: Address, version: number): Uint8Array {
  return concatBytes(ofAccount('N', address), uint64Bytes(version));
}

/** Where the account's vault record is: `R address 0` → feed, block index of the body. */
export function vaultKey(address: Address): Uint8Array {
  return ofAccount('R', address);
}

/** Home documents by version. */
export function homeKey(version: number): Uint8Array {
  return concatBytes(view('K'), uint64Bytes(version));
}
export const HOME_VERSIONS: KeySpan = under(view('K'));
/** Links for a version of the home: `D version hash` → candidate row. */
export function homeCandidates(version: number): Uint8Array {
  return concatBytes(view('D'), uint64Bytes(version));
}

/** The head of a mailbox: `H address 0 feed` → mailbox head row. */
export function headKey(address: Address, feed: FeedId): Uint8Array {
  return ofMailbox('H', address, feed);
}
export function headsOf(address: Address): KeySpan {
  return under(ofAccount('H', address));
}

/** Mailbox rows: `M address 0 feed number` → mailbox row. */
export function mailboxKey(address: Address, feed: FeedId, number: number): Uint8Array {
  return ofMailbox('M', address, feed, number);
}

/** The first number received in an hour: `T address 0 feed hour` → number. Hours need not ascend: clocks jump. */
export function hourKey(address: Address, feed: FeedId, hour: number): Uint8Array {
  return ofMailbox('T', address, feed, hour);
}

/** Erased bodies, merged: `X address 0 feed from` → to. */
export function erasedKey(address: Address, feed: FeedId, from: number): Uint8Array {
  return ofMailbox('X', address, feed, from);
}

/** Where a PDU is: `P id` → feed, index; once for each feed that holds it, in order. */
export function pduKey(id: PduId): Uint8Array {
  const key = smallBytes(2 + 32);
  key[0] = VIEW_CODE;
  key[1] = PDU_CODE;
  writeHex(key, 2, id);
  return key;
}

/**
 * The PDUs of a conversation in the order of its fold: `G conversation depth id standing` → nothing. One that came for the
 * fold alone stands there again once its recipients here have it.
 */
export function conversationKey(
  conversation: ConversationId,
  depth: number,
  id: PduId,
  standing: 'held' | 'delivered' | 'after',
): Uint8Array {
  const key = smallBytes(2 + 16 + 8 + 32 + 1);
  key.set(ofConversation(conversation));
  writeUint64(key, 18, depth);
  writeHex(key, 26, id);
  key[58] = STANDINGS[standing];
  return key;
}
const STANDINGS = { held: 0, delivered: 1, after: 2 } as const;
export function conversationPdus(conversation: ConversationId): KeySpan {
  return under(ofConversation(conversation));
}
function ofConversation(conversation: ConversationId): Uint8Array {
  const key = smallBytes(2 + 16);
  key[0] = VIEW_CODE;
  key[1] = CONVERSATION_CODE;
  writeHex(key, 2, conversation);
  return key;
}

/** What is to be sent to another home, by feed: `O home 0 feed number` → outbox row. */
export function outboxKey(destination: HomeName, feed: FeedId, number: number): Uint8Array {
  return concatBytes(ofDestination('O', destination), fromHex(feed), uint64Bytes(number));
}
/** The last outbox number: `Q home 0 feed` → number. */
export function outboxHeadKey(destination: HomeName, feed: FeedId): Uint8Array {
  return concatBytes(ofDestination('Q', destination), fromHex(feed));
}
export function outboxHeadsOf(destination: HomeName): KeySpan {
  return under(ofDestination('Q', destination));
}
export const OUTBOX_HEADS: KeySpan = under(view('Q'));
function ofDestination(tag: string, destination: HomeName): Uint8Array {
  return concatBytes(view(tag), utf8(destination), ZERO);
}

/** Where a piece of a large attachment is: `B list number` → feed, index; number 0 is the list of its chunks. */
export function blobKey(list: Uint8Array, number: number): Uint8Array {
  return concatBytes(view('B'), list, uint64Bytes(number));
}
export function blobsOf(list: Uint8Array): KeySpan {
  return under(concatBytes(view('B'), list));
}
/** Who brought a chunk list: `I address 0 list` → chunk list row. */
export function chunkListKey(owner: Address, list: Uint8Array): Uint8Array {
  return concatBytes(ofAccount('I', owner), list);
}
export function chunkListsOf(owner: Address): KeySpan {
  return under(ofAccount('I', owner));
}
export const CHUNK_LISTS: KeySpan = under(view('I'));
/** The mail that names a chunk list: `W list feed index` → nothing. */
export function referenceKey(list: Uint8Array, feed: FeedId, index: number): Uint8Array {
  return concatBytes(view('W'), list, fromHex(feed), uint64Bytes(index));
}
export function referencesTo(list: Uint8Array): KeySpan {
  return under(concatBytes(view('W'), list));
}
/** Bytes of what an entry of a mailbox attaches: `Y address 0 feed number` → bytes. */
export function attachedKey(address: Address, feed: FeedId, number: number): Uint8Array {
  return ofMailbox('Y', address, feed, number);
}

/** How far a feed is folded: `C feed` → length in blocks. */
export function foldedKey(feed: FeedId): Uint8Array {
  return concatBytes(view('C'), bytesOf(feed));
}

/** A feed's own rows (blocks, tree, signatures, bitfield). */
export function feedPrefix(feed: FeedId): Uint8Array {
  return concatBytes(utf8('F'), fromHex(feed));
}

/** The rows of a copy of another node's feed, or of an own one that ended. */
export function copyPrefix(feed: FeedId): Uint8Array {
  return concatBytes(utf8('E'), fromHex(feed));
}

/** The feeds of this node: `S f feed` → feed record. */
export function feedRecordKey(feed: FeedId): Uint8Array {
  return concatBytes(utf8('Sf'), fromHex(feed));
}
export const FEED_RECORDS: KeySpan = under(utf8('Sf'));

/** Copies of other nodes' feeds: `S c feed` → copy record. */
export function copyRecordKey(feed: FeedId): Uint8Array {
  return concatBytes(utf8('Sc'), fromHex(feed));
}
export const COPY_RECORDS: KeySpan = under(utf8('Sc'));

/** The log of the home's keys: `S k` → key log record. Its own rows lie under its prefix. */
export const KEY_LOG_RECORD: Uint8Array = utf8('Sk');
export function keyLogPrefix(feed: FeedId): Uint8Array {
  return concatBytes(utf8('L'), fromHex(feed));
}

/** The same log at a node that only follows it. */
export const KEY_LOG_MIRRORS: KeySpan = under(utf8('Y'));
export function keyLogMirrorPrefix(publicKey: Uint8Array): Uint8Array {
  return concatBytes(utf8('Y'), publicKey);
}

/** Versions of the home's chain that another node told, until they come with its feed: `S h version` → document. */
export function toldHomeKey(version: number): Uint8Array {
  return concatBytes(utf8('Sh'), uint64Bytes(version));
}
export const TOLD_HOME: KeySpan = under(utf8('Sh'));

/** Who may copy this node's own feed without being a node: `S m name` → SHA-256 of its secret. */
export function mirrorKey(name: string): Uint8Array {
  return utf8(`Sm${name}`);
}
export const MIRRORS: KeySpan = under(utf8('Sm'));

/** The operator has this node take the place of the registrar: `S r` → the name of the one that is gone. */
export const TAKE_OVER: Uint8Array = utf8('Sr');

/** A node that proved a join token and is not in the home document yet: `S n key` → its name. */
export function admittedKey(key: Uint8Array): Uint8Array {
  return concatBytes(utf8('Sn'), key);
}
export const ADMITTED: KeySpan = under(utf8('Sn'));

/** Join tokens that are not used yet: `S j id` → token record. */
export function joinTokenKey(id: string): Uint8Array {
  return utf8(`Sj${id}`);
}
export const JOIN_TOKENS: KeySpan = under(utf8('Sj'));

export function inviteKey(code: string): Uint8Array {
  return utf8(`Si${code}`);
}
export const INVITES: KeySpan = under(utf8('Si'));

/** What the operator set for an account: quota, ban. */
export function settingsKey(address: Address): Uint8Array {
  return utf8(`Sa${address}`);
}
export const ACCOUNT_SETTINGS: KeySpan = under(utf8('Sa'));

/** When this node last ran, for the distrust of clocks. */
export const LAST_SEEN_KEY: Uint8Array = utf8('St');

/** How far bodies for a destination were looked after: `Sb home 0 feed` → number. */
export function sweptKey(destination: HomeName, feed: FeedId): Uint8Array {
  return concatBytes(utf8(`Sb${destination}`), ZERO, fromHex(feed));
}
