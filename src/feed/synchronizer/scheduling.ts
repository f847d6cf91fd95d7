/**
 * Which block is asked of whom. Each peer is asked for the lowest blocks that it has, that are wanted, and that nobody is
 * being asked for; how many at a time follows from how quickly they come. So several peers share the work by their speed.
 */
import { requestsFor } from './flow.ts';
import { WINDOW_BLOCKS, WINDOWS_MAX } from './limits.ts';
import type { SyncEffect } from './sync-event.ts';
import type { Channel, FeedState } from './sync-state.ts';
import type { Turn } from './turn.ts';

/** Asks the peers of a feed for what is lacking. */
export function schedule(turn: Turn, feed: FeedState): void {
  for (const channel of turn.channelsOf(feed.id)) scheduleChannel(turn, channel);
}

export function scheduleChannel(turn: Turn, channel: Channel): void {
  if (!mayAsk(turn, channel)) return;
  const { feed } = channel;
  if (feed.isWritable) {
    probeOwn(turn, channel);
    return;
  }
  let room = requestsFor(channel);
  while (room > 0) {
    const index = nextIndex(channel);
    if (index === undefined) {
      openWindows(turn, channel);
      return;
    }
    if (index >= feed.length) {
      // How long the feed is now is told by the proof of any block beyond; one is enough.
      if (feed.probe !== undefined) return;
      feed.probe = index;
    }
    channel.cursor = index + 1;
    ask(turn, channel, index);
    room -= 1;
  }
}

export function ask(turn: Turn, channel: Channel, index: number): void {
  channel.feed.settled.set(index);
  channel.peer.lastSentAt = turn.now;
  turn.do(requestOf(channel, index));
  channel.inFlight.set(index, turn.now);
}

function requestOf(channel: Channel, index: number): SyncEffect {
  const { feed, peer, inFlight } = channel;
  const plain = feed.plain.has(index) || feed.isWritable;
  const afterPrevious = peer.handshake?.ordered === true && index < feed.length && inFlight.has(index - 1);
  return { type: 'request', peer: peer.id, channel: channel.localId, feed: feed.id, index, plain, afterPrevious };
}

function mayAsk(turn: Turn, { feed, late, peer, remoteId, remoteUploading }: Channel): boolean {
  return (
    remoteId !== undefined &&
    // Who owes is asked for nothing more: it may be the one that never sends.
    late.size === 0 &&
    peer.handshake !== undefined &&
    remoteUploading &&
    !feed.frozen &&
    !turn.state.stopping &&
    feed.pausedUntil <= turn.now
  );
}

/** Whoever has more than the writer holds its key's newer signature: its proof says whether that is so. */
function probeOwn(turn: Turn, channel: Channel): void {
  const { feed, claimedLength } = channel;
  if (claimedLength <= feed.length || feed.probe !== undefined) return;
  const index = claimedLength - 1;
  feed.probe = index;
  ask(turn, channel, index);
}

function nextIndex(channel: Channel): number | undefined {
  const { feed, remote } = channel;
  if (channel.generation !== feed.generation) {
    channel.generation = feed.generation;
    channel.cursor = 0;
  }
  return remote.firstOutside(feed.settled, channel.cursor, Number.MAX_SAFE_INTEGER, feed.wanted);
}

/** Asks what the peer has where blocks are lacking, and forgets its bitmap where none are. */
export function openWindows(turn: Turn, channel: Channel): void {
  const { feed, remote, windows } = channel;
  const needed = feed.isWritable ? new Set([0]) : neededWindows(feed);
  for (const window of windows) {
    if (needed.has(window)) continue;
    windows.delete(window);
    remote.clearRange(window * WINDOW_BLOCKS, (window + 1) * WINDOW_BLOCKS);
  }
  for (const window of needed) {
    if (windows.has(window)) continue;
    windows.add(window);
    turn.send(channel, { type: 'want', start: window * WINDOW_BLOCKS, length: WINDOW_BLOCKS });
  }
}

/** The first block that is neither here nor asked for. What was settled stays so, but when the generation changes. */
export function lowestLacking(feed: FeedState): number {
  const from = feed.lowest.generation === feed.generation ? feed.lowest.index : 0;
  feed.lowest = { generation: feed.generation, index: feed.settled.firstMissing(from) };
  return feed.lowest.index;
}

/** The first windows with something lacking, and of a feed that is copied whole the one in which it grows. */
function neededWindows(feed: FeedState): ReadonlySet<number> {
  const last = Math.floor(feed.length / WINDOW_BLOCKS);
  const needed = new Set<number>();
  if (feed.wanted === undefined) {
    const first = Math.floor(lowestLacking(feed) / WINDOW_BLOCKS);
    for (let window = first; window <= last && needed.size < WINDOWS_MAX; window++) needed.add(window);
    return needed;
  }
  for (let from = 0; needed.size < WINDOWS_MAX; ) {
    const index = feed.wanted.firstOutside(feed.settled, from, Number.MAX_SAFE_INTEGER);
    // Also beyond what is known of the feed: by nothing else would one learn how far it goes.
    if (index === undefined) break;
    const window = Math.floor(index / WINDOW_BLOCKS);
    needed.add(window);
    from = (window + 1) * WINDOW_BLOCKS;
  }
  // A sparse feed with nothing to fetch still hears how far the feed goes.
  if (needed.size === 0) needed.add(last);
  return needed;
}
