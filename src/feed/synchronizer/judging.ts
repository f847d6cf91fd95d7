/** What follows from blocks that were judged and stored. */
import { type Arrival, announceArrivals } from './announcing.ts';
import { CHATTER_BURST, PLAIN_RETRIES_MAX, STORE_RETRY_MS } from './limits.ts';
import { ask, lowestLacking, schedule } from './scheduling.ts';
import type { Judged, PeerClaim } from './sync-event.ts';
import { type Channel, type FeedState, unsettle } from './sync-state.ts';
import { releaseRequests, type Turn } from './turn.ts';

export function takeJudged(turn: Turn, feed: FeedState, length: number, judged: readonly Judged[]): void {
  const arrivals: Arrival[] = [];
  for (const one of judged) {
    const channel = turn.peer(one.peer)?.channels.get(feed.id);
    if (channel !== undefined) channel.unjudgedBytes -= one.claim.block?.length ?? 0;
    takeOne(turn, feed, channel, one, arrivals);
  }
  feed.length = Math.max(feed.length, length);
  if (feed.probe !== undefined && feed.probe < feed.length) feed.probe = undefined;
  if (arrivals.length > 0) {
    const indexes = arrivals.map(({ index }) => index);
    turn.notify({ kind: 'stored', feed: feed.id, indexes, length: feed.length });
    announceArrivals(turn, feed, arrivals);
  }
  schedule(turn, feed);
  tellComplete(turn, feed);
}

function takeOne(
  turn: Turn,
  feed: FeedState,
  channel: Channel | undefined,
  { peer, acceptance }: Judged,
  arrivals: Arrival[],
): void {
  const { index } = acceptance;
  if (feed.probe === index) feed.probe = undefined;
  // The writer asks once whether there is more of its feed, and again when more is claimed.
  if (feed.isWritable && channel !== undefined) channel.claimedLength = feed.length;
  switch (acceptance.outcome) {
    case 'stored':
      feed.plain.delete(index);
      feed.wanted?.clear(index);
      arrivals.push({ index, peer });
      if (channel !== undefined) {
        channel.peer.blocks += 1;
        channel.peer.chatter = Math.min(CHATTER_BURST, channel.peer.chatter + 2);
      }
      break;
    case 'known':
      feed.wanted?.clear(index);
      break;
    case 'beyond':
      turn.notify({ kind: 'beyond', feed: feed.id, signedLength: acceptance.signedLength });
      break;
    case 'forked':
      freeze(turn, feed);
      turn.notify({ kind: 'forked', feed: feed.id, proof: acceptance.proof });
      break;
    case 'refused':
      if (acceptance.reason === 'frozen') break;
      if (channel === undefined || !askAgain(turn, channel, index)) unsettle(feed, index);
  }
}

/**
 * What the digest told may have been gone or wrong by the time of the answer, and an answer that leans on what we hold does
 * not show a fork: the same peer is asked once more, for everything that proves the block. If that is wrong too, it lied.
 */
function askAgain(turn: Turn, channel: Channel, index: number): boolean {
  const { feed, peer } = channel;
  peer.plainRetries += 1;
  if (feed.plain.has(index)) turn.drop(peer, 'bad_proof');
  else if (peer.plainRetries > PLAIN_RETRIES_MAX) turn.drop(peer, 'cannot_prove');
  else {
    feed.plain.add(index);
    if (channel.remoteId === undefined) return false;
    ask(turn, channel, index);
    return true;
  }
  feed.plain.delete(index);
  return false;
}

/** Nothing of the feed is asked for or served any more; the peer that brought the proof is not to blame. */
function freeze(turn: Turn, feed: FeedState): void {
  feed.frozen = true;
  for (const channel of turn.channelsOf(feed.id)) {
    releaseRequests(channel);
    turn.send(channel, { type: 'info', uploading: false, downloading: false });
  }
}

/** The disk refused: what came is asked for again after a rest. */
export function takeStoreFailure(turn: Turn, feed: FeedState, claims: readonly PeerClaim[]): void {
  feed.pausedUntil = turn.now + STORE_RETRY_MS;
  for (const { peer, claim } of claims) {
    const channel = turn.peer(peer)?.channels.get(feed.id);
    if (channel !== undefined) channel.unjudgedBytes -= claim.block?.length ?? 0;
    unsettle(feed, claim.index);
  }
}

/** Says once that nothing is lacking, as far as peers have told. */
export function tellComplete(turn: Turn, feed: FeedState): void {
  if (feed.toldComplete || feed.isWritable || feed.length === 0 || !isComplete(turn, feed)) return;
  feed.toldComplete = true;
  turn.notify({ kind: 'complete', feed: feed.id, length: feed.length });
}

function isComplete(turn: Turn, feed: FeedState): boolean {
  const { settled, wanted, length } = feed;
  if (wanted === undefined ? lowestLacking(feed) < length : wanted.firstOutside(settled, 0, length) !== undefined)
    return false;
  for (const channel of turn.channelsOf(feed.id)) {
    if (channel.inFlight.size > 0 || channel.unjudgedBytes > 0) return false;
    if (wanted === undefined && channel.remoteUploading && channel.claimedLength > length) return false;
  }
  return true;
}
