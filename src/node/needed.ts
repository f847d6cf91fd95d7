/** Which entries somebody still counts on: an account here that holds them, or another home that is to get them. */
import type { CryptoSuite } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import {
  type Address,
  decodeEntryHeader,
  type EntryHeader,
  EntryKind,
  type FeedId,
  type HomeName,
  type Pdu,
  parsePdu,
} from '../protocol/index.ts';
import type { StoreReader } from '../store/index.ts';
import { areBodiesAwaited } from './awaited.ts';
import type { ErasedBody } from './erasure.ts';
import { areHeld } from './holders.ts';

export interface ReadEntry extends ErasedBody {
  readonly header: EntryHeader;
  /** Of mail and notes. */
  readonly pdu: Pdu | undefined;
}

/** Of these entries those whose header blocks are here, by one read a feed. */
export async function readEntries(
  { feeds, suite }: { readonly feeds: ReadonlyMap<FeedId, FeedLog>; readonly suite: CryptoSuite },
  reader: StoreReader,
  entries: readonly ErasedBody[],
): Promise<readonly ReadEntry[]> {
  const read: ReadEntry[] = [];
  for (const feed of new Set(entries.map((entry) => entry.feed))) {
    const its = entries.filter((entry) => entry.feed === feed);
    const indexes = its.map(({ index }) => index);
    const blocks = (await feeds.get(feed)?.getBlocks(reader, indexes)) ?? [];
    for (const [i, block] of blocks.entries()) {
      if (block === undefined) continue;
      const header = decodeEntryHeader(block);
      const isMail = header.kind === EntryKind.MAIL || header.kind === EntryKind.NOTE;
      read.push({ ...(its[i] as ErasedBody), header, pdu: isMail ? parsePdu(suite, header.pdu) : undefined });
    }
  }
  return read;
}

/** Of entries that were folded; how many reads that takes hardly depends on how many they are. */
export async function areNeeded(
  reader: StoreReader,
  home: HomeName,
  entries: readonly ReadEntry[],
): Promise<readonly boolean[]> {
  const needed = [...(await areHeld(reader, entries.map(deliveryOf)))];
  const sent = entries.flatMap(({ feed, index, pdu }, at) =>
    needed[at] === true || pdu === undefined ? [] : [{ at, feed, index, pdu }],
  );
  const awaited = await areBodiesAwaited(reader, home, sent);
  for (const [i, { at }] of sent.entries()) if (awaited[i] === true) needed[at] = true;
  return needed;
}

function deliveryOf({ by, feed, header, index }: ReadEntry): Parameters<typeof areHeld>[1][number] {
  return { feed, index, accounts: (header.accounts as Address[]).filter((account) => account !== by) };
}
