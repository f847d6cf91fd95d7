/** Addresses that were tried: after a failure each waits longer before it is dialed again. */
import { DIAL_BACKOFF_MAX_MS, DIAL_BACKOFF_MS, DIAL_SETTLED_MS } from './limits.ts';
import type { PeerState, SyncState } from './sync-state.ts';

/** The address did not answer, or its connection to `peer` ended: one that brought blocks, or lasted, is no failure. */
export function freeAddress(
  state: SyncState,
  address: string,
  now: number,
  peer: Pick<PeerState, 'blocks' | 'connectedAt'> | undefined,
): void {
  const tried = state.addresses.get(address);
  if (tried === undefined) return;
  const lasted = peer !== undefined && (peer.blocks > 0 || now - peer.connectedAt >= DIAL_SETTLED_MS);
  tried.failures = lasted ? 0 : tried.failures + 1;
  tried.busy = false;
  tried.nextAt = now + Math.min(DIAL_BACKOFF_MAX_MS, DIAL_BACKOFF_MS * 2 ** Math.max(0, tried.failures - 1));
}
