/** What time changes: late requests, peers that are too slow or silent, keep-alives, connections to make or to end. */

import { dial } from './dialing.ts';
import { noteLate } from './flow.ts';
import { tellComplete } from './judging.ts';
import {
  CHATTER_BURST,
  CHATTER_PER_SECOND,
  FRAME_GRACE_MS,
  FRAME_RATE_MIN,
  HANDSHAKE_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  LATE_MS,
  OVERDUE_MS,
  REQUESTS_MAX,
  SILENT_MS,
  SLOW_MS,
  TICK_MS,
} from './limits.ts';
import { schedule } from './scheduling.ts';
import { type Channel, type DropReason, type PeerState, unsettle } from './sync-state.ts';
import type { Turn } from './turn.ts';

export function takeTick(turn: Turn): void {
  for (const peer of [...turn.state.peers.values()]) {
    const reason = faultOf(turn, peer);
    if (reason !== undefined) {
      turn.drop(peer, reason);
      continue;
    }
    peer.chatter = Math.min(CHATTER_BURST, peer.chatter + (CHATTER_PER_SECOND * TICK_MS) / 1000);
    for (const channel of peer.channels.values()) giveLateToOthers(turn, channel);
    if (turn.now - peer.lastSentAt >= KEEP_ALIVE_MS) {
      peer.lastSentAt = turn.now;
      turn.do({ type: 'keepAlive', peer: peer.id });
    }
  }
  for (const feed of turn.state.feeds.values()) {
    schedule(turn, feed);
    tellComplete(turn, feed);
  }
  for (const peer of [...turn.state.peers.values()]) endWhenDone(turn, peer);
  dial(turn);
}

function faultOf(turn: Turn, peer: PeerState): DropReason | undefined {
  const { now } = turn;
  if (peer.handshake === undefined && now - peer.connectedAt >= HANDSHAKE_TIMEOUT_MS) return 'no_handshake';
  if (now - peer.lastReceivedAt >= SILENT_MS) return 'silent';
  if (peer.frameSince !== undefined) {
    const elapsed = now - peer.frameSince;
    if (elapsed >= FRAME_GRACE_MS && peer.frameBytes * 1000 < elapsed * FRAME_RATE_MIN) return 'stalled_frame';
  }
  // How slow a frame may be that is on its way was judged above: a large block takes a while on a thin line.
  if (peer.frameSince !== undefined) return undefined;
  for (const channel of peer.channels.values()) if (isTooSlow(turn, channel)) return 'too_slow';
  return undefined;
}

function isTooSlow(turn: Turn, channel: Channel): boolean {
  if (turn.now - channel.lastDataAt < SLOW_MS) return false;
  const [lateSince] = channel.late.values();
  const [askedSince] = channel.inFlight.values();
  return turn.now - Math.min(lateSince ?? turn.now, askedSince ?? turn.now) >= SLOW_MS;
}

function giveLateToOthers(turn: Turn, channel: Channel): void {
  // Who is at it comes to what it owes, in time.
  const isAtIt = channel.peer.frameSince !== undefined || turn.now - channel.lastDataAt < LATE_MS;
  const patience = isAtIt ? OVERDUE_MS : SLOW_MS;
  for (const [index, askedAt] of channel.late) if (turn.now - askedAt >= patience) giveUp(channel, index);
  let late = false;
  // In the order of asking: the first that is not late ends it.
  for (const [index, askedAt] of channel.inFlight) {
    if (turn.now - askedAt < LATE_MS) break;
    channel.inFlight.delete(index);
    channel.late.set(index, askedAt);
    unsettle(channel.feed, index);
    late = true;
  }
  if (late) noteLate(channel);
}

function giveUp({ late, overdue }: Channel, index: number): void {
  late.delete(index);
  overdue.add(index);
  for (const oldest of overdue) {
    if (overdue.size <= REQUESTS_MAX) break;
    overdue.delete(oldest);
  }
}

/** A connection whose both ends neither stay nor fetch has done its work. */
function endWhenDone(turn: Turn, peer: PeerState): void {
  if (peer.handshake === undefined || peer.handshake.live || peer.channels.size === 0) return;
  let remoteIsDone = true;
  for (const channel of peer.channels.values()) {
    const { feed } = channel;
    if (feed.live || (!feed.isWritable && !feed.toldComplete)) return;
    if (!channel.toldDone && channel.remoteId !== undefined) {
      channel.toldDone = true;
      turn.send(channel, { type: 'info', uploading: true, downloading: false });
    }
    remoteIsDone &&= !channel.remoteDownloading || channel.claimedLength >= feed.length;
  }
  if (remoteIsDone) turn.drop(peer, 'done');
}
