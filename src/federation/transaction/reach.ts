/** How far numbers go, as ours and as it travels. */
import { fromHex } from '../../base/index.ts';
import { type FeedId, feedIdOf, type Reach } from '../../protocol/index.ts';
import type { FeedReach } from './flight.ts';
import { PEER_FEEDS_MAX } from './limits.ts';

/** To be said: the feeds that matter most are the youngest. */
export function reachOf(ours: readonly FeedReach[]): Reach[] {
  return ours.slice(-PEER_FEEDS_MAX).map(({ feed, number }) => ({ feed: fromHex(feed), number }));
}

/** As another home said it; what names no feed is left out. */
export function parseReach(said: readonly Reach[]): readonly FeedReach[] {
  return said
    .slice(0, PEER_FEEDS_MAX)
    .flatMap(({ feed, number }): { feed: FeedId; number: number }[] =>
      feed.length === 32 ? [{ feed: feedIdOf(feed), number }] : [],
    );
}
