/** What a node did that contradicts a signature or what is held. Each alarm carries what proves it. */
import type { FeedId } from '../../protocol/index.ts';
import type { Interval } from './interval-set.ts';

/** A head as a node signed it. */
export interface HeadClaim {
  /** The node's Ed25519 public key, base64: who signed. */
  readonly node: string;
  readonly number: number;
  readonly link: Uint8Array;
  readonly expiredTo: number;
  readonly retired: boolean;
  readonly signature: Uint8Array;
}

interface AlarmAt {
  readonly feed: FeedId;
  /** The key, base64, of the node that served what is wrong. */
  readonly node: string;
}

export type MailboxAlarm = AlarmAt &
  (
    | { readonly code: 'bad_signature'; readonly number: number }
    /** Numbers missing from an answer, under a head that the node signed. */
    | { readonly code: 'withheld'; readonly missing: readonly Interval[]; readonly head: HeadClaim }
    /** Another entry, or another history, at a number that is held. */
    | { readonly code: 'renumbered'; readonly number: number }
    /** Two signatures that no one mailbox can satisfy. */
    | { readonly code: 'two_heads'; readonly number: number; readonly heads: readonly [HeadClaim, HeadClaim] }
    /** A head shorter than one the same node signed before. */
    | { readonly code: 'rolled_back'; readonly before: HeadClaim; readonly after: HeadClaim }
    /** An entry that does not hash to the link beside it, below a signed head. */
    | { readonly code: 'wrong_link'; readonly number: number }
  );
