/** How much a peer is asked for at a time: as much as keeps its line full, no more than it is quick with, and bounded bytes. */
import { REQUEST_TARGET_MS, REQUESTED_BYTES_MAX, REQUESTS_MAX, UNJUDGED_BYTES_MAX } from './limits.ts';
import type { Channel } from './sync-state.ts';

/** How many more blocks to ask for now; 0 while most of what may be in flight still is, so that requests leave together. */
export function requestsFor(channel: Channel): number {
  if (channel.unjudgedBytes >= UNJUDGED_BYTES_MAX) return 0;
  const byBytes = Math.max(1, Math.floor(REQUESTED_BYTES_MAX / channel.meanBytes));
  const allowed = Math.min(channel.credit, byBytes);
  const room = allowed - channel.inFlight.size;
  return room * 4 >= allowed ? room : 0;
}

/** A block came `tookMs` after it was asked for. */
export function noteBlock(channel: Channel, bytes: number, tookMs: number): void {
  channel.meanBytes += (bytes - channel.meanBytes) / 16;
  if (tookMs <= REQUEST_TARGET_MS) channel.credit = Math.min(REQUESTS_MAX, channel.credit + 1);
  else channel.credit = Math.max(1, channel.credit - 1 / 4);
}

/** Blocks were asked for in vain: the peer is asked for half as many at a time. */
export function noteLate(channel: Channel): void {
  channel.credit = Math.max(1, Math.floor(channel.credit / 2));
}
