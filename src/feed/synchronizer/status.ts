/** How things stand: what `status` of the command line and of a fleet is made of. */
import type { FeedId } from '../../protocol/index.ts';
import type { FeedState, PeerId, SyncState } from './sync-state.ts';

export interface FeedStatus {
  readonly feed: FeedId;
  readonly length: number;
  /** Blocks that are being asked for. */
  readonly inFlight: number;
  /** Peers that have opened it too. */
  readonly peers: number;
  /** Nothing is lacking, as far as peers have told. */
  readonly isComplete: boolean;
  /** Everything that some peer says it has is here: all there is to get, though perhaps not all that there was. */
  readonly isLevel: boolean;
  readonly isFrozen: boolean;
}

export interface PeerStatus {
  readonly peer: PeerId;
  readonly address: string | undefined;
  readonly feeds: readonly FeedId[];
  /** For each feed in the order of `feeds`: one beyond the highest block that the peer says it has. */
  readonly claimed: readonly number[];
  readonly inFlight: number;
  /** Milliseconds of silence. */
  readonly lastReceivedAt: number;
}

export interface SyncStatus {
  readonly feeds: readonly FeedStatus[];
  readonly peers: readonly PeerStatus[];
  readonly addresses: readonly { readonly address: string; readonly failures: number; readonly busy: boolean }[];
}

export function statusOf(state: SyncState): SyncStatus {
  return {
    feeds: [...state.feeds.values()].map((feed) => feedStatusOf(state, feed)),
    peers: [...state.peers.values()].map((peer) => {
      const channels = [...peer.channels.values()];
      return {
        peer: peer.id,
        address: peer.address,
        feeds: channels.map(({ feed }) => feed.id),
        claimed: channels.map(({ claimedLength }) => claimedLength),
        inFlight: channels.reduce((sum, { inFlight }) => sum + inFlight.size, 0),
        lastReceivedAt: peer.lastReceivedAt,
      };
    }),
    addresses: [...state.addresses].map(([address, { failures, busy }]) => ({ address, failures, busy })),
  };
}

export function feedStatusOf(state: SyncState, feed: FeedState): FeedStatus {
  let inFlight = 0;
  let peers = 0;
  for (const peer of state.peers.values()) {
    const channel = peer.channels.get(feed.id);
    if (channel?.remoteId === undefined) continue;
    inFlight += channel.inFlight.size;
    peers += 1;
  }
  return {
    feed: feed.id,
    length: feed.length,
    inFlight,
    peers,
    isComplete: feed.isWritable || feed.toldComplete,
    isLevel: feed.isWritable || isLevel(state, feed),
    isFrozen: feed.frozen,
  };
}

function isLevel(state: SyncState, feed: FeedState): boolean {
  let hasHeard = false;
  for (const peer of state.peers.values()) {
    const channel = peer.channels.get(feed.id);
    if (channel === undefined) continue;
    const { inFlight, remote, unjudgedBytes } = channel;
    if (inFlight.size > 0 || unjudgedBytes > 0) return false;
    if (remote.firstOutside(feed.settled, 0, Number.MAX_SAFE_INTEGER) !== undefined) return false;
    hasHeard ||= channel.claimedLength > 0;
  }
  return hasHeard;
}
