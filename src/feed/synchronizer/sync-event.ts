/** What the synchronizer's step is told, and what it asks for in turn. */
import type { FeedId } from '../../protocol/index.ts';
import type { ForkProof } from '../fork-proof.ts';
import type { BlockClaim } from '../proof.ts';
import type { Acceptance } from '../replica.ts';
import type { RequestMessage, WireMessage } from '../wire/index.ts';
import type { DropReason, FeedState, PeerId } from './sync-state.ts';

export type SyncEvent =
  | {
      readonly type: 'connected';
      readonly peer: PeerId;
      readonly isInitiator: boolean;
      readonly address: string | undefined;
      readonly allowed: ReadonlySet<FeedId> | undefined;
      readonly opensAll: boolean;
      /** What an initiator opens the connection with; undefined: any. */
      readonly first?: FeedId | undefined;
    }
  | { readonly type: 'received'; readonly peer: PeerId; readonly channel: number; readonly message: WireMessage }
  /** Bytes came, whatever they are. */
  | { readonly type: 'alive'; readonly peer: PeerId; readonly bytes: number; readonly isWithinFrame: boolean }
  | { readonly type: 'gone'; readonly peer: PeerId; readonly reason: DropReason }
  | { readonly type: 'feedAdded'; readonly feed: FeedState }
  | { readonly type: 'feedRemoved'; readonly feed: FeedId }
  /** Blocks were appended here and are on disk. */
  | { readonly type: 'appended'; readonly feed: FeedId; readonly length: number }
  | { readonly type: 'cleared'; readonly feed: FeedId; readonly index: number }
  | { readonly type: 'wanted'; readonly feed: FeedId; readonly from: number; readonly to: number }
  /** What was right of the claims is on disk. */
  | { readonly type: 'judged'; readonly feed: FeedId; readonly length: number; readonly judged: readonly Judged[] }
  | { readonly type: 'storeFailed'; readonly feed: FeedId; readonly claims: readonly PeerClaim[] }
  | { readonly type: 'found'; readonly addresses: readonly string[] }
  | { readonly type: 'dialFailed'; readonly address: string }
  | { readonly type: 'tick' }
  | { readonly type: 'shutdown' };

export interface PeerClaim {
  readonly peer: PeerId;
  readonly claim: BlockClaim;
}

export interface Judged extends PeerClaim {
  readonly acceptance: Acceptance;
}

export type SyncEffect =
  /** Names a feed to the peer, under our number for it. The first one opens the connection. */
  | { readonly type: 'open'; readonly peer: PeerId; readonly channel: number; readonly feed: FeedId }
  | { readonly type: 'send'; readonly peer: PeerId; readonly channel: number; readonly message: WireMessage }
  | { readonly type: 'keepAlive'; readonly peer: PeerId }
  /** Asks for a block, with the digest of what is held unless `plain`. */
  | {
      readonly type: 'request';
      readonly peer: PeerId;
      readonly channel: number;
      readonly feed: FeedId;
      readonly index: number;
      readonly plain: boolean;
      /** The block before is on its way from the same peer, and comes first. */
      readonly afterPrevious: boolean;
    }
  /** Says which blocks of [from, to) are here. */
  | {
      readonly type: 'offer';
      readonly peer: PeerId;
      readonly channel: number;
      readonly feed: FeedId;
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly type: 'answer';
      readonly peer: PeerId;
      readonly channel: number;
      readonly feed: FeedId;
      readonly request: RequestMessage;
    }
  /** Judge and store. */
  | { readonly type: 'accept'; readonly peer: PeerId; readonly feed: FeedId; readonly claim: BlockClaim }
  | { readonly type: 'terminate'; readonly peer: PeerId; readonly reason: DropReason }
  | { readonly type: 'dial'; readonly address: string }
  | { readonly type: 'notify'; readonly notice: Notice };

/** What whoever uses the synchronizer may want to hear. */
export type Notice =
  | { readonly kind: 'peer'; readonly peer: PeerId; readonly address: string | undefined }
  | { readonly kind: 'dropped'; readonly peer: PeerId; readonly reason: DropReason }
  /** Blocks came and are on disk. */
  | { readonly kind: 'stored'; readonly feed: FeedId; readonly indexes: readonly number[]; readonly length: number }
  /** Everything wanted that any peer is known to have is here. */
  | { readonly kind: 'complete'; readonly feed: FeedId; readonly length: number }
  /** The peer says that it has these blocks on its disk. */
  | {
      readonly kind: 'remoteHas';
      readonly peer: PeerId;
      readonly feed: FeedId;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: 'forked'; readonly feed: FeedId; readonly proof: ForkProof }
  /** The feed's key has signed more than its own writer has here. */
  | { readonly kind: 'beyond'; readonly feed: FeedId; readonly signedLength: number }
  /** A peer opened a feed that is not here. */
  | { readonly kind: 'unknownFeed'; readonly peer: PeerId; readonly discoveryKey: string };
