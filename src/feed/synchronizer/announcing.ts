/** Telling peers what is here now: runs of blocks, to whoever wants to hear. */
import type { Channel, FeedState, PeerId } from './sync-state.ts';
import type { Turn } from './turn.ts';

/** Blocks [from, to) were appended here. */
export function announceRange(turn: Turn, feed: FeedState, from: number, to: number): void {
  for (const channel of turn.channelsOf(feed.id)) if (channel.remoteWants) sendHave(turn, channel, from, to, false);
}

export interface Arrival {
  readonly index: number;
  readonly peer: PeerId;
}

/** Blocks came from others. Who sent a block knows that we have it, unless it asked to hear when it is on disk. */
export function announceArrivals(turn: Turn, feed: FeedState, arrivals: readonly Arrival[]): void {
  const ascending = [...arrivals].sort((a, b) => a.index - b.index);
  for (const channel of turn.channelsOf(feed.id)) {
    const { peer } = channel;
    const isAcked = peer.handshake?.ack === true;
    if (!channel.remoteWants && !isAcked) continue;
    let [from, to] = [0, 0];
    for (const arrival of ascending) {
      if (isAcked ? false : arrival.peer === peer.id) continue;
      if (arrival.index !== to) {
        if (from < to) sendHave(turn, channel, from, to, isAcked);
        from = arrival.index;
      }
      to = arrival.index + 1;
    }
    if (from < to) sendHave(turn, channel, from, to, isAcked);
  }
}

export function announceLoss(turn: Turn, feed: FeedState, index: number): void {
  for (const channel of turn.channelsOf(feed.id))
    if (channel.remoteWants) turn.send(channel, { type: 'unhave', start: index, length: 1 });
}

function sendHave(turn: Turn, channel: Channel, from: number, to: number, ack: boolean): void {
  turn.send(channel, { type: 'have', start: from, length: to - from, bitfield: undefined, ack });
}
