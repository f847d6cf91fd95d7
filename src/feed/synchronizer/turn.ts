/** One step under way: the state, the time, and the effects so far. */
import type { FeedId } from '../../protocol/index.ts';
import type { WireMessage } from '../wire/index.ts';
import { freeAddress } from './addresses.ts';
import type { Notice, SyncEffect } from './sync-event.ts';
import {
  type Channel,
  type DropReason,
  type FeedState,
  type PeerId,
  type PeerState,
  type SyncState,
  unsettle,
} from './sync-state.ts';

export class Turn {
  readonly state: SyncState;
  /** Monotonic milliseconds. */
  readonly now: number;
  readonly effects: SyncEffect[] = [];
  /** Feeds of peers that were dropped: what these owed is to be asked of others. */
  orphaned: Set<FeedState> | undefined;

  constructor(state: SyncState, now: number) {
    this.state = state;
    this.now = now;
  }

  do(effect: SyncEffect): void {
    this.effects.push(effect);
  }

  notify(notice: Notice): void {
    this.effects.push({ type: 'notify', notice });
  }

  send(channel: Channel, message: WireMessage): void {
    channel.peer.lastSentAt = this.now;
    this.effects.push({ type: 'send', peer: channel.peer.id, channel: channel.localId, message });
  }

  /** Ends the connection and forgets the peer; what it owed is asked of others at the end of the step. */
  drop(peer: PeerState, reason: DropReason): void {
    if (!this.state.peers.delete(peer.id)) return;
    for (const channel of peer.channels.values()) {
      releaseRequests(channel);
      this.orphaned ??= new Set();
      this.orphaned.add(channel.feed);
    }
    if (peer.address !== undefined) freeAddress(this.state, peer.address, this.now, peer);
    this.effects.push({ type: 'terminate', peer: peer.id, reason });
    this.notify({ kind: 'dropped', peer: peer.id, reason });
  }

  peer(id: PeerId): PeerState | undefined {
    return this.state.peers.get(id);
  }

  /** Channels of the feed that both ends have opened. */
  *channelsOf(feed: FeedId): Generator<Channel> {
    for (const peer of this.state.peers.values()) {
      const channel = peer.channels.get(feed);
      if (channel?.remoteId !== undefined) yield channel;
    }
  }
}

/** What the peer was asked for may be asked for again. */
export function releaseRequests(channel: Channel): void {
  for (const index of channel.inFlight.keys()) unsettle(channel.feed, index);
  channel.inFlight.clear();
  channel.late.clear();
  channel.overdue.clear();
}
