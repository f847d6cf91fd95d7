/**
 * The synchronizer's loop as a function of what happens: `step(state, event, now)` changes the state and returns what is
 * to be done. No I/O, no clock, no randomness: equal states and events have equal effects. Total: an event about a peer
 * or a feed that is no more changes nothing.
 */
import { unreachable } from '../../base/index.ts';
import type { FeedId } from '../../protocol/index.ts';
import { Bitfield } from '../bitfield.ts';
import { freeAddress } from './addresses.ts';
import { announceLoss, announceRange } from './announcing.ts';
import { takeFound } from './dialing.ts';
import { takeJudged, takeStoreFailure, tellComplete } from './judging.ts';
import { adoptUnknown, openAll, openChannel, takeMessage } from './messages.ts';
import { openWindows, schedule } from './scheduling.ts';
import type { SyncEffect, SyncEvent } from './sync-event.ts';
import { createPeer, type FeedState, mayShare, type SyncState } from './sync-state.ts';
import { takeTick } from './ticking.ts';
import { releaseRequests, Turn } from './turn.ts';

/** `now` is monotonic, in milliseconds. The effects are to be performed in their order. */
export function step(state: SyncState, event: SyncEvent, now: number): readonly SyncEffect[] {
  const turn = new Turn(state, now);
  take(turn, event);
  for (const feed of turn.orphaned ?? []) schedule(turn, feed);
  return turn.effects;
}

function take(turn: Turn, event: SyncEvent): void {
  const { state } = turn;
  switch (event.type) {
    case 'received': {
      const peer = turn.peer(event.peer);
      if (peer !== undefined) takeMessage(turn, peer, event.channel, event.message);
      break;
    }
    case 'alive':
      takeAlive(turn, event);
      break;
    case 'judged':
      withFeed(turn, event.feed, (feed) => takeJudged(turn, feed, event.length, event.judged));
      break;
    case 'appended':
      withFeed(turn, event.feed, (feed) => takeAppended(turn, feed, event.length));
      break;
    case 'cleared':
      withFeed(turn, event.feed, (feed) => takeCleared(turn, feed, event.index));
      break;
    case 'wanted':
      withFeed(turn, event.feed, (feed) => takeWanted(turn, feed, event.from, event.to));
      break;
    case 'storeFailed':
      withFeed(turn, event.feed, (feed) => takeStoreFailure(turn, feed, event.claims));
      break;
    case 'feedAdded':
      takeFeedAdded(turn, event.feed);
      break;
    case 'feedRemoved':
      withFeed(turn, event.feed, (feed) => takeFeedRemoved(turn, feed));
      break;
    case 'connected':
      takeConnected(turn, event);
      break;
    case 'gone':
      takeGone(turn, event);
      break;
    case 'found':
      takeFound(turn, event.addresses);
      break;
    case 'dialFailed':
      freeAddress(state, event.address, turn.now, undefined);
      break;
    case 'tick':
      takeTick(turn);
      break;
    case 'shutdown':
      state.stopping = true;
      for (const peer of [...state.peers.values()]) turn.drop(peer, 'shutdown');
      break;
    default:
      unreachable(event);
  }
}

type EventOf<Type extends SyncEvent['type']> = Extract<SyncEvent, { readonly type: Type }>;

function withFeed(turn: Turn, id: FeedId, work: (feed: FeedState) => void): void {
  const feed = turn.state.feeds.get(id);
  if (feed !== undefined) work(feed);
}

function takeAlive(turn: Turn, { peer: id, bytes, isWithinFrame }: EventOf<'alive'>): void {
  const peer = turn.peer(id);
  if (peer === undefined) return;
  peer.lastReceivedAt = turn.now;
  if (!isWithinFrame) peer.frameSince = undefined;
  else if (peer.frameSince === undefined) {
    peer.frameSince = turn.now;
    peer.frameBytes = bytes;
  } else peer.frameBytes += bytes;
}

function takeConnected(turn: Turn, event: EventOf<'connected'>): void {
  const { state, now } = turn;
  const peer = createPeer({ ...event, id: event.peer }, now);
  state.peers.set(peer.id, peer);
  if (state.stopping) turn.drop(peer, 'shutdown');
  else if (state.peers.size > state.peersMax) turn.drop(peer, 'too_many_peers');
  else if (peer.isInitiator) {
    const first = event.first === undefined ? undefined : state.feeds.get(event.first);
    if (first !== undefined && mayShare(peer, first)) openChannel(turn, peer, first);
    openAll(turn, peer);
  }
}

function takeGone(turn: Turn, { peer: id, reason }: EventOf<'gone'>): void {
  const peer = turn.peer(id);
  if (peer !== undefined) turn.drop(peer, reason);
}

function takeFeedAdded(turn: Turn, feed: FeedState): void {
  const { state } = turn;
  state.feeds.set(feed.id, feed);
  state.byDiscoveryKey.set(feed.discoveryKey, feed);
  for (const peer of state.peers.values()) {
    adoptUnknown(turn, peer, feed);
    const isOpen = peer.channels.size > 0 || peer.isInitiator;
    if (isOpen && (peer.opensAll || peer.isInitiator) && mayShare(peer, feed)) openChannel(turn, peer, feed);
  }
}

function takeFeedRemoved(turn: Turn, feed: FeedState): void {
  const { state } = turn;
  state.feeds.delete(feed.id);
  state.byDiscoveryKey.delete(feed.discoveryKey);
  for (const channel of turn.channelsOf(feed.id)) {
    releaseRequests(channel);
    turn.send(channel, { type: 'info', uploading: false, downloading: false });
    channel.peer.channels.delete(feed.id);
    if (channel.remoteId !== undefined)
      channel.peer.byRemoteId.set(channel.remoteId, { discoveryKey: feed.discoveryKey, messages: [] });
  }
}

function takeAppended(turn: Turn, feed: FeedState, length: number): void {
  const before = feed.length;
  if (length <= before) return;
  feed.length = length;
  announceRange(turn, feed, before, length);
}

function takeCleared(turn: Turn, feed: FeedState, index: number): void {
  feed.settled.set(index);
  feed.wanted?.clear(index);
  announceLoss(turn, feed, index);
}

function takeWanted(turn: Turn, feed: FeedState, from: number, to: number): void {
  feed.wanted ??= new Bitfield();
  feed.wanted.setRange(from, to);
  feed.toldComplete = false;
  feed.generation += 1;
  for (const channel of turn.channelsOf(feed.id)) if (channel.peer.handshake !== undefined) openWindows(turn, channel);
  schedule(turn, feed);
  tellComplete(turn, feed);
}
