/** Keeps feeds equal with peers, over any transport. Portable. */
export type { FeedOptions } from './feed-state.ts';
export * from './feed-store.ts';
export type { FeedStatus, PeerStatus, SyncStatus } from './status.ts';
export type { Notice } from './sync-event.ts';
export type { DropReason, PeerId } from './sync-state.ts';
export * from './synchronizer.ts';
export * from './transport.ts';
