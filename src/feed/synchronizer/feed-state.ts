/** What the synchronizer begins with when a feed is shared: what its log holds. */
import { toHex } from '../../base/index.ts';
import { Bitfield } from '../bitfield.ts';
import type { FeedLog } from '../feed-log.ts';
import type { FeedState } from './sync-state.ts';

export interface FeedOptions {
  /** Stay connected, and fetch what is appended. */
  readonly live: boolean;
  /** Fetch only what `want` names; otherwise everything. */
  readonly sparse: boolean;
}

export function createFeedState(log: FeedLog, options: FeedOptions): FeedState {
  const settled = new Bitfield();
  if (!log.isWritable) {
    for (const { from, to } of log.arrived()) settled.setRange(from, to);
    for (const { from, to } of log.cleared()) settled.setRange(from, to);
  }
  return {
    id: log.id,
    discoveryKey: toHex(log.discoveryKey),
    isWritable: log.isWritable,
    live: options.live,
    length: log.length,
    settled,
    wanted: options.sparse ? new Bitfield() : undefined,
    generation: 0,
    lowest: { generation: 0, index: 0 },
    plain: new Set(),
    probe: undefined,
    frozen: log.fork !== undefined,
    pausedUntil: 0,
    toldComplete: false,
  };
}
