/**
 * The views as a fold over entries (design, node). Each case is a function of the rows so far and one entry; applied to
 * the same entries of each feed in order it gives the same rows, whatever the order of the feeds among each other: an erasure
 * may come before what it erases, a link of a chain before the one that it follows.
 */
import { type CryptoSuite, equalBytes, fromHex, invariant, readUint64, toHex, uint64Bytes } from '../base/index.ts';
import {
  type Address,
  checkAccountLink,
  checkHomeLink,
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
  ProtocolError,
  parseAccountDocument,
  parseAddress,
  parseHomeDocument,
  parsePdu,
  sizeWithAttached,
} from '../protocol/index.ts';
import { type ChainPlace, foldLink, newestBody } from './chain-fold.ts';
import { type ErasedBody, erasedRanges, eraseNumbers } from './erasure.ts';
import type { ViewBuffer } from './view-buffer.ts';
import {
  accountCandidates,
  accountKey,
  attachedKey,
  blobKey,
  chunkListKey,
  conversationKey,
  foldedKey,
  headKey,
  homeCandidates,
  homeKey,
  hourKey,
  mailboxKey,
  outboxHeadKey,
  outboxKey,
  pduKey,
  referenceKey,
  vaultKey,
} from './view-keys.ts';
import {
  decodeChunkListRow,
  decodeLocations,
  encodeChunkListRow,
  encodeLocations,
  encodeMailboxRow,
  encodeMailboxState,
  encodeOutboxRow,
  type Location,
  type MailboxState,
  mailboxStateOf,
  sortLocations,
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
  /** Of each account's latest entry. */
  const hours = new Map<string, number>();
  for (const entry of entries) {
    const { feed, header } = entry;
    if (header.kind === EntryKind.BLOB) {
      keys.push(blobKey(header.list, header.number));
      if (header.number === 0)
        for (const account of header.accounts) keys.push(chunkListKey(account as Address, header.list));
    }
    if (header.kind !== EntryKind.MAIL && header.kind !== EntryKind.NOTE) continue;
    const pdu = pduOf(deps, entry);
    const hour = hourOf(header);
    keys.push(pduKey(pdu.id));
    for (const account of header.accounts) {
      keys.push(headKey(account as Address, feed));
      // The first entry of an account is nearly always of the hour of the one before.
      if ((hours.get(account) ?? hour) !== hour) keys.push(hourKey(account as Address, feed, hour));
      hours.set(account, hour);
    }
    for (const destination of destinationsOf(deps.home, pdu)) keys.push(outboxHeadKey(destination, feed));
  }
  return keys;
}

function hourOf({ receivedAt }: EntryHeader): number {
  return Math.floor(receivedAt / MICROSECONDS_PER_HOUR);
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

/**
 * Folds one entry whose rows (`keysOf`) were prefetched; returns the entries whose bodies may have lost their last holder, for
 * `blocksToClear`.
 */
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
      return foldMail(deps, buffer, entry);
    case EntryKind.ACCOUNT:
      return foldAccount(deps, buffer, entry);
    case EntryKind.KEY: {
      const { signed, version } = parseHomeDocument(suite, header.document);
      await foldLink(buffer, homePlace(suite), { version, hash: signed.hash, bytes: header.document, body: undefined });
      return [];
    }
    case EntryKind.BLOB:
      await foldBlob(buffer, entry);
      return [];
    case EntryKind.ERASE:
      return foldErase(buffer, header.erased, header.reason);
    default:
      invariant(false, `an entry of kind ${header.kind} reached the fold`);
  }
}

async function foldMail(deps: FoldDeps, buffer: ViewBuffer, entry: FoldedEntry): Promise<readonly ErasedBody[]> {
  const { suite } = deps;
  const erased: ErasedBody[] = [];
  const { feed, index, header } = entry;
  const pdu = pduOf(deps, entry);
  const pduId = pdu.id;
  const place = pduKey(pduId);
  addLocation(buffer, place, buffer.known(place), { feed, index });
  if (header.kind === EntryKind.MAIL) foldConversation(deps, buffer, entry, pdu);
  for (const { list } of pdu.attached ?? []) buffer.append(referenceKey(fromHex(list), feed, index), EMPTY);
  const attachedBytes = sizeWithAttached(pdu) - pdu.body.size;
  const hour = hourOf(header);
  for (const account of header.accounts) {
    const address = account as Address;
    const head = headKey(address, feed);
    const state = mailboxStateOf(buffer.known(head));
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
    if (attachedBytes > 0) buffer.append(attachedKey(address, feed, number), uint64Bytes(attachedBytes));
    if (hour !== state.lastHour && (await buffer.get(hourKey(address, feed, hour))) === undefined)
      buffer.put(hourKey(address, feed, hour), uint64Bytes(number));
    const isGone = number <= state.erasedTo && (await erasedRanges(buffer, address, feed, number, number)).length > 0;
    if (isGone) erased.push({ feed, index, by: address });
    const next: MailboxState = {
      number,
      link: linkOf(suite, state.link, { number, index, receivedAt: header.receivedAt, pduId }),
      heldBytes: state.heldBytes + (isGone ? 0 : header.bodySize + attachedBytes),
      expiredTo: state.expiredTo,
      lastHour: hour,
      erasedTo: state.erasedTo,
    };
    buffer.put(head, encodeMailboxState(next));
  }
  return erased;
}

/** The PDU's place in its conversation, and in the outbox of each other home that is to get it. */
function foldConversation(deps: FoldDeps, buffer: ViewBuffer, entry: FoldedEntry, pdu: Pdu): void {
  const { feed, index, header } = entry;
  const destinations = destinationsOf(deps.home, pdu);
  const delivered = header.accounts.length > 0 || destinations.length > 0;
  buffer.append(conversationKey(pdu.conversation, pdu.depth, pdu.id, delivered ? 'delivered' : 'held'), EMPTY);
  for (const destination of destinations) {
    const head = outboxHeadKey(destination, feed);
    const row = buffer.known(head);
    const number = 1 + (row === undefined ? 0 : readUint64(row));
    buffer.append(outboxKey(destination, feed, number), encodeOutboxRow({ index, pduId: pdu.id }));
    buffer.put(head, uint64Bytes(number));
  }
}
const EMPTY = new Uint8Array(0);

/** Where a piece is, and, of a chunk list, who brought it. */
async function foldBlob(buffer: ViewBuffer, { feed, index, header }: FoldedEntry): Promise<void> {
  const { accounts, bodySize, list, number, receivedAt } = header;
  const place = blobKey(list, number);
  addLocation(buffer, place, await buffer.get(place), { feed, index });
  if (number > 0) return;
  for (const account of accounts) {
    const key = chunkListKey(account as Address, list);
    const row = await buffer.get(key);
    const before = row === undefined ? { receivedAt: 0, chunkCount: 0 } : decodeChunkListRow(row);
    const newest = {
      receivedAt: Math.max(before.receivedAt, receivedAt),
      chunkCount: Math.max(before.chunkCount, Math.floor(bodySize / list.length)),
    };
    buffer.put(key, encodeChunkListRow(newest));
  }
}

/** The newest vault record counts; the ones before are wrapped by passwords that may be known, so their bodies go. */
async function foldAccount(
  { suite }: FoldDeps,
  buffer: ViewBuffer,
  { feed, index, header }: FoldedEntry,
): Promise<readonly ErasedBody[]> {
  const { address, signed, version } = parseAccountDocument(suite, header.document);
  const place = accountPlace(suite, address);
  const body = header.hasBody ? { feed, index } : undefined;
  await foldLink(buffer, place, { version, hash: signed.hash, bytes: header.document, body });
  const key = vaultKey(address);
  const row = await buffer.get(key);
  const before = row === undefined ? [] : decodeLocations(row);
  const now = await newestBody(buffer, place, version - 1);
  buffer.put(key, now === undefined ? undefined : encodeLocations([now]));
  const others = [...before, ...(body === undefined ? [] : [body])];
  return others.filter((other) => other.feed !== now?.feed || other.index !== now.index);
}

/** Whether an entry's document is the version of its chain that counts. */
export async function isStanding({ suite }: FoldDeps, buffer: ViewBuffer, header: EntryHeader): Promise<boolean> {
  const { document, kind } = header;
  if (kind !== EntryKind.ACCOUNT && kind !== EntryKind.KEY) return false;
  let key: Uint8Array;
  if (kind === EntryKind.KEY) key = homeKey(parseHomeDocument(suite, document).version);
  else {
    const { address, version } = parseAccountDocument(suite, document);
    key = accountKey(address, version);
  }
  const standing = await buffer.get(key);
  return standing !== undefined && equalBytes(standing, document);
}

function accountPlace(suite: CryptoSuite, address: Address): ChainPlace {
  return {
    candidates: (version) => accountCandidates(address, version),
    chosen: (version) => accountKey(address, version),
    hashOf: (document) => toHex(suite.sha256(document)),
    links: (current, next) =>
      isLink(() =>
        checkAccountLink(
          current === undefined ? undefined : parseAccountDocument(suite, current),
          parseAccountDocument(suite, next),
        ),
      ),
  };
}

function homePlace(suite: CryptoSuite): ChainPlace {
  return {
    candidates: homeCandidates,
    chosen: homeKey,
    hashOf: (document) => toHex(suite.sha256(document)),
    links: (current, next) =>
      isLink(() =>
        checkHomeLink(
          current === undefined ? undefined : parseHomeDocument(suite, current),
          parseHomeDocument(suite, next),
        ),
      ),
  };
}

function isLink(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
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
    const head = headKey(address, feed);
    const state = mailboxStateOf(await buffer.get(head));
    const next: MailboxState = {
      ...state,
      heldBytes: state.heldBytes - erased.bytes,
      erasedTo: Math.max(state.erasedTo, range.to),
      expiredTo: reason === EraseReason.EXPIRED ? Math.max(state.expiredTo, range.to) : state.expiredTo,
    };
    buffer.put(head, encodeMailboxState(next));
  }
  return gone;
}

function addLocation(buffer: ViewBuffer, key: Uint8Array, row: Uint8Array | undefined, location: Location): void {
  const locations = row === undefined ? [location] : sortLocations([...decodeLocations(row), location]);
  buffer.put(key, encodeLocations(locations));
}
