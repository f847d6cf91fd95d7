/** Whom to connect to: addresses that a discovery found, at most as many at once as there may be peers. */
import { ADDRESSES_MAX } from './limits.ts';
import type { Turn } from './turn.ts';

export function takeFound(turn: Turn, addresses: readonly string[]): void {
  const known = turn.state.addresses;
  for (const address of addresses) {
    if (known.has(address)) continue;
    for (const [old, { busy }] of known) {
      if (known.size < ADDRESSES_MAX) break;
      if (!busy) known.delete(old);
    }
    if (known.size < ADDRESSES_MAX) known.set(address, { failures: 0, nextAt: turn.now, busy: false });
  }
  dial(turn);
}

/** Connects to addresses whose wait is over, as many as peers may be had. */
export function dial(turn: Turn): void {
  const { state, now } = turn;
  if (state.stopping) return;
  let busy = 0;
  for (const peer of state.peers.values()) if (peer.address === undefined) busy += 1;
  for (const address of state.addresses.values()) if (address.busy) busy += 1;
  const isNeeded = [...state.feeds.values()].some(
    (feed) => !feed.frozen && (feed.live || !(feed.toldComplete || feed.isWritable)),
  );
  if (!isNeeded) return;
  for (const [address, tried] of state.addresses) {
    if (busy >= state.peersMax) return;
    if (tried.busy || tried.nextAt > now) continue;
    tried.busy = true;
    busy += 1;
    turn.do({ type: 'dial', address });
  }
}
