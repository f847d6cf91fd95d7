/**
 * The views as a fold over entries (design, node). Each case is a function of the rows so far and one entry; applied to
 * the same entries of each feed in order it gives the same rows, whatever the order of the feeds among each other.
 */
import { type CryptoSuite, invariant, readUint64, uint64Bytes } from '../base/index.ts';
import {
  type Address,
  type EntryHeader,
  EntryKind,
  type EraseRange,
  EraseReason,
  type FeedId,
  feedIdOf,
  type HomeName,
  homeOf,
  linkOf,
  type Pdu,
  parseAccountDocument,
  parseAddress,
  parseHomeDocument,
  parsePdu,
} from '../protocol/index.ts';
import { type ErasedBody, eraseNumbers } from './erasure.ts';
import type { ViewBuffer } from './view-buffer.ts';
import {
  accountKey,
  blobKey,
  conversationKey,
  foldedKey,
  headKey,
  homeKey,
  hourKey,
  mailboxKey,
  outboxHeadKey,
  outboxKey,
  pduKey,
  vaultKey,
} from './view-keys.ts';
import {
  decodeLocations,
  decodeMailboxState,
  EMPTY_MAILBOX,
  encodeLocations,
  encodeMailboxRow,
  encodeMailboxState,
  encodeOutboxRow,
  type Location,
  type MailboxState,
} from './view-rows.ts';

export interface FoldedEntry {
  readonly feed: FeedId;
  /** Block index of the header block. */
  readonly index: number;
  readonly header: EntryHeader;
  /** The parsed PDU when the caller has it already. */
  readonly pdu?: Pdu;
}

export interface FoldDeps {
  readonly suite: CryptoSuite;
  /** Whose mail to other homes goes out by our outboxes. */
  readonly home: HomeName;
}

const MICROSECONDS_PER_HOUR = 3_600_000_000;

/** The rows that folding `entries` reads, for one prefetch. */
export function keysOf(deps: FoldDeps, entries: readonly FoldedEntry[]): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (const entry of entries) {
    const { feed, header } = entry;
    if (header.kind !== EntryKind.MAIL && header.kind !== EntryKind.NOTE) continue;
    const pdu = pduOf(deps, entry);
    keys.push(pduKey(pdu.id));
    for (const account of header.accounts) keys.push(headKey(account as Address, feed));
    for (const destination of destinationsOf(deps.home, pdu)) keys.push(outboxHeadKey(destination, feed));
  }
  return keys;
}

/** The other homes that a PDU of our people goes to. */
export function destinationsOf(home: HomeName, pdu: Pdu): readonly HomeName[] {
  if (pdu.recipients.every((recipient) => homeOf(recipient) === home) || homeOf(pdu.author) !== home) return NOWHERE;
  return [...new Set(pdu.recipients.map(homeOf))].filter((destination) => destination !== home);
}
const NOWHERE: readonly HomeName[] = Object.freeze([]);

function pduOf({ suite }: FoldDeps, { pdu, header }: FoldedEntry): Pdu {
  return pdu ?? parsePdu(suite, header.pdu);
}

/** Folds one entry; returns the entries whose bodies may have lost their last holder, for `bodiesToClear`. */
export async function foldEntry(
  deps: FoldDeps,
  buffer: ViewBuffer,
  entry: FoldedEntry,
): Promise<readonly ErasedBody[]> {
  const { suite } = deps;
  const { feed, index, header } = entry;
  buffer.put(foldedKey(feed), uint64Bytes(index + (header.hasBody ? 2 : 1)));
  switch (header.kind) {
    case EntryKind.MAIL:
    case EntryKind.NOTE:
      await foldMail(deps, buffer, entry);
      return [];
    case EntryKind.ACCOUNT: {
      const document = parseAccountDocument(suite, header.document);
      buffer.put(accountKey(document.address, document.version), header.document);
      return header.hasBody ? foldVault(buffer, document.address, { feed, index }) : [];
    }
    case EntryKind.KEY: {
      const document = parseHomeDocument(suite, header.document);
      buffer.put(homeKey(document.version), header.document);
      return [];
    }
    case EntryKind.BLOB:
      await addLocation(buffer, blobKey(header.bodySha256), { feed, index });
      return [];
    case EntryKind.ERASE:
      return foldErase(buffer, header.erased, header.reason);
    default:
      invariant(false, `an entry of kind ${header.kind} reached the fold`);
  }
}

async function foldMail(deps: FoldDeps, buffer: ViewBuffer, entry: FoldedEntry): Promise<void> {
  const { suite } = deps;
  const { feed, index, header } = entry;
  const pdu = pduOf(deps, entry);
  const pduId = pdu.id;
  await addLocation(buffer, pduKey(pduId), { feed, index });
  if (header.kind === EntryKind.MAIL) await foldConversation(deps, buffer, entry, pdu);
  const hour = Math.floor(header.receivedAt / MICROSECONDS_PER_HOUR);
  for (const account of header.accounts) {
    const address = account as Address;
    const state = await mailboxState(buffer, address, feed);
    const number = state.number + 1;
    buffer.append(
      mailboxKey(address, feed, number),
      encodeMailboxRow({
        index,
        receivedAt: header.receivedAt,
        kind: header.kind,
        bodySize: header.bodySize,
        pduId,
        previousLink: state.link,
      }),
    );
    if (hour !== state.lastHour && (await buffer.get(hourKey(address, feed, hour))) === undefined)
      buffer.put(hourKey(address, feed, hour), uint64Bytes(number));
    putMailboxState(buffer, address, feed, {
      ...state,
      number,
      link: linkOf(suite, state.link, { number, index, receivedAt: header.receivedAt, pduId }),
      heldBytes: state.heldBytes + header.bodySize,
      lastHour: hour,
    });
  }
}

/** The PDU's place in its conversation, and in the outbox of each other home that is to get it. */
async function foldConversation(deps: FoldDeps, buffer: ViewBuffer, entry: FoldedEntry, pdu: Pdu): Promise<void> {
  const { feed, index, header } = entry;
  const destinations = destinationsOf(deps.home, pdu);
  const delivered = header.accounts.length > 0 || destinations.length > 0;
  buffer.append(conversationKey(pdu.conversation, pdu.depth, pdu.id, delivered ? 'delivered' : 'held'), EMPTY);
  for (const destination of destinations) {
    const head = outboxHeadKey(destination, feed);
    const row = await buffer.get(head);
    const number = 1 + (row === undefined ? 0 : readUint64(row));
    buffer.append(outboxKey(destination, feed, number), encodeOutboxRow({ index, pduId: pdu.id }));
    buffer.put(head, uint64Bytes(number));
  }
}
const EMPTY = new Uint8Array(0);

/** The newest vault record counts; the ones before are wrapped by passwords that may be known, so their bodies go. */
async function foldVault(buffer: ViewBuffer, address: Address, location: Location): Promise<readonly ErasedBody[]> {
  const key = vaultKey(address);
  const before = await buffer.get(key);
  buffer.put(key, encodeLocations([location]));
  return before === undefined ? [] : decodeLocations(before);
}

async function foldErase(
  buffer: ViewBuffer,
  ranges: readonly EraseRange[],
  reason: EraseReason,
): Promise<readonly ErasedBody[]> {
  const gone: ErasedBody[] = [];
  for (const range of ranges) {
    const feed = feedIdOf(range.feed);
    const address = parseAddress(range.account);
    const erased = await eraseNumbers(buffer, address, feed, range.from, range.to);
    gone.push(...erased.bodies);
    const state = await mailboxState(buffer, address, feed);
    putMailboxState(buffer, address, feed, {
      ...state,
      heldBytes: state.heldBytes - erased.bytes,
      expiredTo: reason === EraseReason.EXPIRED ? Math.max(state.expiredTo, range.to) : state.expiredTo,
    });
  }
  return gone;
}

export async function mailboxState(buffer: ViewBuffer, address: Address, feed: FeedId): Promise<MailboxState> {
  const row = await buffer.get(headKey(address, feed));
  return row === undefined ? EMPTY_MAILBOX : decodeMailboxState(row);
}

function putMailboxState(buffer: ViewBuffer, address: Address, feed: FeedId, state: MailboxState): void {
  buffer.put(headKey(address, feed), encodeMailboxState(state));
}

/** Locations in order of feed and index, so that the row does not depend on which feed was folded first. */
async function addLocation(buffer: ViewBuffer, key: Uint8Array, location: Location): Promise<void> {
  const row = await buffer.get(key);
  const locations = row === undefined ? [] : decodeLocations(row);
  locations.push(location);
  locations.sort((a, b) => (a.feed === b.feed ? a.index - b.index : a.feed < b.feed ? -1 : 1));
  buffer.put(key, encodeLocations(locations));
}
