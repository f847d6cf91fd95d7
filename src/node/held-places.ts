/**
 * Where a PDU is held. What another node took may be here by its header alone: the body is lost if that node's disk is. Such
 * a place is none, and who hands the mail over again is not told that it is held: it is taken once more, into this node's
 * own feed. One PDU in two feeds is one mail.
 */
import { decodeEntryHeader, type FeedId } from '../protocol/index.ts';
import type { StoreReader } from '../store/index.ts';
import type { Feeds } from './feeds.ts';
import { decodeLocations, type Location } from './view-rows.ts';

export interface HeldPlacesDeps {
  readonly feeds: Pick<Feeds, 'all' | 'current' | 'isRetired'>;
  /** Whether a feed that is here is, up to a length, on as many disks as a receipt needs. */
  readonly isOnDisks: (feed: FeedId, length: number) => boolean;
}

export class HeldPlaces {
  readonly #deps: HeldPlacesDeps;

  constructor(deps: HeldPlacesDeps) {
    this.#deps = deps;
  }

  /** Of the places in a row of `pduKey`, one that counts; this node's own feed first. */
  async find(reader: StoreReader, row: Uint8Array | undefined): Promise<Location | undefined> {
    if (row === undefined) return undefined;
    const { current } = this.#deps.feeds;
    const places = decodeLocations(row);
    const own = places.find(({ feed }) => feed === current.id);
    if (own !== undefined) return own;
    for (const place of places) if (await this.#isHeld(reader, place)) return place;
    return undefined;
  }

  async #isHeld(reader: StoreReader, { feed, index }: Location): Promise<boolean> {
    const { feeds } = this.#deps;
    const log = feeds.all.get(feed);
    const block = await log?.getBlock(reader, index);
    if (log === undefined || block === undefined) return false;
    const { hasBody } = decodeEntryHeader(block);
    // Erased: it came, and is to come no more.
    if (hasBody && log.isCleared(index + 1)) return true;
    if (hasBody && !log.has(index + 1)) return false;
    // A feed that ended may have lost blocks before this one, and copies that have a gap never count.
    return !feeds.isRetired(feed) || this.#deps.isOnDisks(feed, index + (hasBody ? 2 : 1));
  }
}
