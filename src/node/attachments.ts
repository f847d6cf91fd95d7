/**
 * Large attachments in the views (docs/protocol/blobs.md): where their pieces are, which mail names them, and who may have
 * them. A chunk list is known by its hash, as bytes here and as hexadecimal in a header.
 */
import { type CryptoSuite, fromHex, readUint64 } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import {
  type Address,
  type Attached,
  chunkCountOf,
  chunksIn,
  decodeEntryHeader,
  type FeedId,
  feedIdOf,
  type HomeName,
  lastChunkSize,
} from '../protocol/index.ts';
import type { KeySpan, Row, StoreReader } from '../store/index.ts';
import { areHeld } from './holders.ts';
import { SWEEP_PAGE_ROWS } from './limits.ts';
import { areNeeded, readEntries } from './needed.ts';
import type { ViewBuffer } from './view-buffer.ts';
import { blobKey, blobsOf, referencesTo } from './view-keys.ts';
import { decodeLocations, type Location } from './view-rows.ts';

export interface AttachmentDeps {
  readonly suite: CryptoSuite;
  readonly home: HomeName;
  readonly feeds: ReadonlyMap<FeedId, FeedLog>;
}

type Feeds = Pick<AttachmentDeps, 'feeds'>;
type RowReader = Pick<StoreReader, 'get' | 'range'>;

/** A piece that is here: the block of its bytes. */
export async function findPiece(
  { feeds }: Feeds,
  reader: RowReader,
  list: Uint8Array,
  number: number,
): Promise<Location | undefined> {
  const row = await reader.get(blobKey(list, number));
  if (row === undefined) return undefined;
  return decodeLocations(row)
    .map(({ feed, index }) => ({ feed, index: index + 1 }))
    .find(({ feed, index }) => feeds.get(feed)?.has(index) === true);
}

/** The numbers of the pieces that are here, in ascending order. */
export async function* piecesHeld({ feeds }: Feeds, reader: RowReader, list: Uint8Array): AsyncGenerator<number> {
  for await (const { key, value } of rowsOf(reader, blobsOf(list)))
    if (decodeLocations(value).some(({ feed, index }) => feeds.get(feed)?.has(index + 1) === true))
      yield readUint64(key, key.length - 8);
}

/** Whether every piece of what a mail names is here, and is of the size that the mail says. */
export async function isComplete(deps: Feeds, views: ViewBuffer, attached: readonly Attached[]): Promise<boolean> {
  for (const { list, size } of attached) if (!(await isOneComplete(deps, views, fromHex(list), size))) return false;
  return true;
}

async function isOneComplete(deps: Feeds, views: ViewBuffer, list: Uint8Array, size: number): Promise<boolean> {
  const count = chunkCountOf(size);
  const place = await findPiece(deps, views, list, 0);
  // Read, not only looked up: what this very transaction clears is not there.
  const bytes = place && (await deps.feeds.get(place.feed)?.getBlock(views.transaction, place.index));
  if (count === undefined || bytes === undefined || chunksIn(bytes) !== count) return false;
  let held = 0;
  for await (const _ of piecesHeld(deps, views, list)) held += 1;
  if (held !== count + 1) return false;
  // All chunks but the last have one size, so the last one's says what they have together.
  const last = await findPiece(deps, views, list, count);
  const header = last && (await deps.feeds.get(last.feed)?.getBlock(views.transaction, last.index - 1));
  return header !== undefined && decodeEntryHeader(header).bodySize === lastChunkSize(size);
}

/** Whether a mail that names the list was delivered to the account and is not erased there. */
export async function mayHave(
  deps: Pick<AttachmentDeps, 'feeds' | 'suite'>,
  reader: StoreReader,
  address: Address,
  list: Uint8Array,
): Promise<boolean> {
  for await (const page of referring(reader, list)) {
    const mails = await readEntries(deps, reader, page);
    const theirs = mails.filter(({ header }) => header.accounts.includes(address));
    const held = await areHeld(
      reader,
      theirs.map(({ feed, index }) => ({ feed, index, accounts: [address] })),
    );
    if (held.includes(true)) return true;
  }
  return false;
}

/** Whether any mail names the list. */
export async function isNamed(reader: RowReader, list: Uint8Array): Promise<boolean> {
  return (await reader.range({ ...referencesTo(list), limit: 1 })).length > 0;
}

/** Whether some account here, or another home that is to get a mail, still counts on the attachment. */
export async function isCountedOn(deps: AttachmentDeps, views: ViewBuffer, list: Uint8Array): Promise<boolean> {
  views.flush();
  for await (const page of referring(views.transaction, list)) {
    const mails = await readEntries(deps, views.transaction, page);
    if ((await areNeeded(views.transaction, deps.home, mails)).includes(true)) return true;
  }
  return false;
}

/** The blocks of those attachments that nobody counts on any more. */
export async function attachmentsToClear(
  deps: AttachmentDeps,
  views: ViewBuffer,
  attached: readonly Attached[],
): Promise<readonly Location[]> {
  const places: Location[] = [];
  for (const { list } of attached) {
    if (await isCountedOn(deps, views, fromHex(list))) continue;
    places.push(...(await blocksOf(views, fromHex(list))));
  }
  return places;
}

/** Every block with a piece, here or owed. */
export async function blocksOf(reader: RowReader, list: Uint8Array): Promise<readonly Location[]> {
  const places: Location[] = [];
  for await (const { value } of rowsOf(reader, blobsOf(list)))
    for (const { feed, index } of decodeLocations(value)) places.push({ feed, index: index + 1 });
  return places;
}

/** The mail that names a list, as entries, page by page. */
export async function* referring(reader: RowReader, list: Uint8Array): AsyncGenerator<readonly Location[]> {
  for await (const rows of pagesOf(reader, referencesTo(list)))
    yield rows.map(({ key }) => ({ feed: feedIdOf(key.slice(-40, -8)), index: readUint64(key, key.length - 8) }));
}

async function* rowsOf(reader: RowReader, span: KeySpan): AsyncGenerator<Row> {
  for await (const rows of pagesOf(reader, span)) yield* rows;
}

async function* pagesOf(reader: RowReader, { from, to }: KeySpan): AsyncGenerator<readonly Row[]> {
  for (let next = from; ; ) {
    const rows = await reader.range({ from: next, to, limit: SWEEP_PAGE_ROWS });
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    if (rows.length < SWEEP_PAGE_ROWS) return;
    next = Uint8Array.of(...last.key, 0);
  }
}
