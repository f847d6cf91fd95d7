/** What a peer's messages change. Nothing here trusts them: what a peer says it has is believed when a proof comes. */
import { equalBytes, toHex, unreachable } from '../../base/index.ts';
import { decodeBitfieldRle } from '../bitfield-rle.ts';
import { FeedError } from '../feed-error.ts';
import { FEED_LENGTH_MAX } from '../limits.ts';
import type {
  DataMessage,
  FeedMessage,
  HandshakeMessage,
  HaveMessage,
  RequestMessage,
  WireMessage,
} from '../wire/index.ts';
import { noteBlock } from './flow.ts';
import { ABSURD_REQUEST_COST, UNKNOWN_FEED_MESSAGES_MAX, UNKNOWN_FEEDS_MAX, WINDOW_BLOCKS } from './limits.ts';
import { openWindows, schedule, scheduleChannel } from './scheduling.ts';
import {
  type Channel,
  createChannel,
  type FeedState,
  mayShare,
  type PeerState,
  type UnknownFeed,
  unsettle,
} from './sync-state.ts';
import { releaseRequests, type Turn } from './turn.ts';

/** The extension without messages of who answers requests in the order in which they came, as we do. */
const ORDERED = 'restante/ordered';

export function takeMessage(turn: Turn, peer: PeerState, remoteId: number, message: WireMessage): void {
  if (message.type !== 'data' && message.type !== 'request' && !talk(turn, peer, 1)) return;
  if (message.type === 'feed') takeFeed(turn, peer, remoteId, message);
  else if (message.type === 'handshake') takeHandshake(turn, peer, message);
  else {
    const channel = peer.byRemoteId.get(remoteId);
    if (channel === undefined) turn.drop(peer, 'malformed');
    else if ('messages' in channel) keepForLater(channel, message);
    else takeChannelMessage(turn, channel, message);
  }
}

function takeChannelMessage(turn: Turn, channel: Channel, message: WireMessage): void {
  switch (message.type) {
    case 'info':
      channel.remoteUploading = message.uploading ?? channel.remoteUploading;
      channel.remoteDownloading = message.downloading ?? channel.remoteDownloading;
      scheduleChannel(turn, channel);
      break;
    case 'have':
      takeHave(turn, channel, message);
      break;
    case 'unhave':
      takeUnhave(turn, channel, message.start, message.length);
      break;
    case 'want':
      takeWant(turn, channel, message.start, message.length);
      break;
    case 'unwant':
      if (message.start === 0 && message.length === undefined) channel.remoteWants = false;
      break;
    case 'request':
      takeRequest(turn, channel, message);
      break;
    case 'data':
      takeData(turn, channel, message);
      break;
    case 'cancel': // what was asked for is on its way, as in hypercore 6
    case 'extension': // none is agreed on
    case 'feed':
    case 'handshake':
      break;
    default:
      unreachable(message);
  }
}

/** Whether the peer may still talk. */
function talk(turn: Turn, peer: PeerState, cost: number): boolean {
  peer.chatter -= cost;
  if (peer.chatter >= 0) return true;
  turn.drop(peer, 'chatter');
  return false;
}

function takeFeed(turn: Turn, peer: PeerState, remoteId: number, message: FeedMessage): void {
  closeRemoteId(peer, remoteId);
  const discoveryKey = toHex(message.discoveryKey);
  const feed = turn.state.byDiscoveryKey.get(discoveryKey);
  if (feed === undefined || !mayShare(peer, feed)) {
    const unknown = [...peer.byRemoteId.values()].filter((known) => 'messages' in known);
    if (unknown.length >= UNKNOWN_FEEDS_MAX) turn.drop(peer, 'feed_flood');
    else {
      peer.byRemoteId.set(remoteId, { discoveryKey, messages: [] });
      turn.notify({ kind: 'unknownFeed', peer: peer.id, discoveryKey });
    }
    return;
  }
  const channel = openChannel(turn, peer, feed);
  channel.remoteId = remoteId;
  peer.byRemoteId.set(remoteId, channel);
  greet(turn, channel);
}

/** A Feed on a number in use closes what had it. */
function closeRemoteId(peer: PeerState, remoteId: number): void {
  const old = peer.byRemoteId.get(remoteId);
  peer.byRemoteId.delete(remoteId);
  if (old === undefined || 'messages' in old) return;
  old.remoteId = undefined;
  releaseRequests(old);
}

function keepForLater(unknown: UnknownFeed, message: WireMessage): void {
  if (unknown.messages.length < UNKNOWN_FEED_MESSAGES_MAX) unknown.messages.push(message);
}

/** Our side of a channel: names the feed to the peer, unless it has been named. */
export function openChannel(turn: Turn, peer: PeerState, feed: FeedState): Channel {
  const known = peer.channels.get(feed.id);
  if (known !== undefined) return known;
  const channel = createChannel(peer, feed, turn.now);
  peer.channels.set(feed.id, channel);
  turn.do({ type: 'open', peer: peer.id, channel: channel.localId, feed: feed.id });
  if (channel.localId === 0)
    turn.send(channel, {
      type: 'handshake',
      id: turn.state.id,
      live: feed.live,
      userData: undefined,
      extensions: [ORDERED],
      ack: turn.state.ack,
    });
  return channel;
}

/** The first feed opens the connection; on an accepted one it is the other end's to choose. */
export function openAll(turn: Turn, peer: PeerState): void {
  for (const feed of turn.state.feeds.values()) if (mayShare(peer, feed)) openChannel(turn, peer, feed);
}

/** A feed that was added after the peer had opened it. */
export function adoptUnknown(turn: Turn, peer: PeerState, feed: FeedState): void {
  if (!mayShare(peer, feed)) return;
  for (const [remoteId, unknown] of peer.byRemoteId) {
    if (!('messages' in unknown) || unknown.discoveryKey !== feed.discoveryKey) continue;
    const channel = openChannel(turn, peer, feed);
    channel.remoteId = remoteId;
    peer.byRemoteId.set(remoteId, channel);
    greet(turn, channel);
    for (const message of unknown.messages) takeMessage(turn, peer, remoteId, message);
    return;
  }
}

/** The first words on a channel that both ends have opened. */
function greet(turn: Turn, channel: Channel): void {
  if (channel.peer.handshake === undefined) return;
  if (channel.feed.frozen) turn.send(channel, { type: 'info', uploading: false, downloading: false });
  else {
    // Who waits for both ends to be done need not wait for a writer.
    if (channel.feed.isWritable) turn.send(channel, { type: 'info', uploading: true, downloading: false });
    openWindows(turn, channel);
    scheduleChannel(turn, channel);
  }
}

function takeHandshake(turn: Turn, peer: PeerState, message: HandshakeMessage): void {
  if (peer.handshake !== undefined) turn.drop(peer, 'second_handshake');
  else if (message.id !== undefined && equalBytes(message.id, turn.state.id)) turn.drop(peer, 'self');
  else {
    peer.handshake = { live: message.live, ack: message.ack, ordered: message.extensions.includes(ORDERED) };
    turn.notify({ kind: 'peer', peer: peer.id, address: peer.address });
    if (peer.opensAll) openAll(turn, peer);
    for (const channel of peer.channels.values()) if (channel.remoteId !== undefined) greet(turn, channel);
  }
}

function takeHave(turn: Turn, channel: Channel, { start, length, bitfield }: HaveMessage): void {
  const { peer, feed } = channel;
  let end = start + length;
  if (bitfield === undefined) {
    for (const window of channel.windows) {
      const from = Math.max(start, window * WINDOW_BLOCKS);
      const to = Math.min(end, (window + 1) * WINDOW_BLOCKS);
      if (from < to) channel.remote.setRange(from, to);
    }
  } else {
    const bits = decodeHaveBits(start, bitfield);
    if (bits === undefined) {
      turn.drop(peer, 'malformed');
      return;
    }
    // Kept only where it was asked for; a bitmap about something else is so much noise.
    const window = Math.floor(start / WINDOW_BLOCKS);
    if (channel.windows.has(window)) {
      const room = ((window + 1) * WINDOW_BLOCKS - start) / 8;
      channel.remote.setBits(start, bits.subarray(0, room));
    }
    end = start + bitLengthOf(bits);
  }
  channel.cursor = Math.min(channel.cursor, start);
  channel.claimedLength = Math.max(channel.claimedLength, Math.min(end, FEED_LENGTH_MAX));
  if (end > feed.length) feed.toldComplete = false;
  turn.notify({ kind: 'remoteHas', peer: peer.id, feed: feed.id, from: start, to: end });
  scheduleChannel(turn, channel);
}

/** Undefined when it is none, or longer than anything that was asked about. */
function decodeHaveBits(start: number, bitfield: Uint8Array): Uint8Array | undefined {
  if (start % 8 !== 0) return undefined;
  try {
    return decodeBitfieldRle(bitfield, WINDOW_BLOCKS / 8);
  } catch (error) {
    if (error instanceof FeedError) return undefined;
    throw error;
  }
}

/** One beyond the last bit. */
function bitLengthOf(bits: Uint8Array): number {
  let bytes = bits.length;
  while (bytes > 0 && bits[bytes - 1] === 0) bytes -= 1;
  const last = bits[bytes - 1] ?? 0;
  return bytes === 0 ? 0 : 8 * bytes - (31 - Math.clz32(last & -last));
}

function takeUnhave(turn: Turn, channel: Channel, start: number, length: number): void {
  const { feed } = channel;
  const end = start + length;
  channel.remote.clearRange(start, end);
  if (channel.claimedLength > start && channel.claimedLength <= end) channel.claimedLength = start;
  let lost = false;
  for (const index of [...channel.inFlight.keys(), ...channel.late.keys()]) {
    if (index < start || index >= end) continue;
    if (channel.inFlight.delete(index)) unsettle(feed, index);
    channel.late.delete(index);
    lost = true;
  }
  if (lost) schedule(turn, feed);
}

function takeWant(turn: Turn, channel: Channel, start: number, length: number | undefined): void {
  const { feed } = channel;
  if (feed.frozen) return;
  if (!channel.remoteWants) {
    channel.remoteWants = true;
    // hypercore 6 learns from this how long the feed is, before it asks about more.
    if (feed.length > 0) offer(turn, channel, feed.length - 1, feed.length);
  }
  offer(turn, channel, start, length === undefined ? feed.length : Math.min(start + length, FEED_LENGTH_MAX));
}

function offer(turn: Turn, { peer, localId, feed }: Channel, from: number, to: number): void {
  turn.do({ type: 'offer', peer: peer.id, channel: localId, feed: feed.id, from, to });
}

function takeRequest(turn: Turn, channel: Channel, request: RequestMessage): void {
  const { feed, peer } = channel;
  if (feed.frozen || (request.bytes === undefined && request.index >= feed.length)) {
    if (talk(turn, peer, ABSURD_REQUEST_COST)) turn.send(channel, { type: 'unhave', start: request.index, length: 1 });
    return;
  }
  peer.lastSentAt = turn.now;
  turn.do({ type: 'answer', peer: peer.id, channel: channel.localId, feed: feed.id, request });
}

function takeData(turn: Turn, channel: Channel, message: DataMessage): void {
  const { feed, peer } = channel;
  const { index, value, nodes, signature } = message;
  const askedAt = channel.inFlight.get(index);
  // Asked for once more after it was given up, it comes twice.
  const isOwed = askedAt !== undefined || channel.late.delete(index) || channel.overdue.delete(index);
  if (value === undefined || !isOwed) {
    turn.drop(peer, 'unrequested_data');
    return;
  }
  channel.inFlight.delete(index);
  channel.lastDataAt = turn.now;
  if (askedAt !== undefined) noteBlock(channel, value.length, turn.now - askedAt);
  if (feed.frozen) return;
  feed.settled.set(index);
  channel.unjudgedBytes += value.length;
  turn.do({ type: 'accept', peer: peer.id, feed: feed.id, claim: { index, block: value, nodes, signature } });
  scheduleChannel(turn, channel);
}
