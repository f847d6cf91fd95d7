/** What becomes of what a client brings: its receipt, as the node's parts say it to each other. */
import type { FeedId } from '../protocol/index.ts';

export type Submission =
  | {
      readonly status: 'ok' | 'pending' | 'duplicate';
      readonly feed: FeedId;
      readonly index: number;
      readonly receivedAt: number;
    }
  | { readonly status: 'too_large' | 'rejected'; readonly detail: string }
  | { readonly status: 'over_quota' | 'unknown_recipient'; readonly detail: string }
  | { readonly status: 'rate_limited'; readonly retryAfterMs: number }
  | {
      readonly status: 'unavailable';
      readonly detail: string;
      readonly retryAfterMs: number;
      /** The disk is full, or nearly: told apart, since senders of ordinary mail have a code for it. */
      readonly why?: 'no_room';
    }
  | { readonly status: 'send_body' | 'send_blobs' };

export const UNAVAILABLE_RETRY_MS = 5_000;
export const FULL: Submission = Object.freeze({
  status: 'unavailable',
  detail: 'the node has more to write than it can hold',
  retryAfterMs: 1_000,
});

export const REMOVED: Submission = Object.freeze({
  status: 'unavailable',
  detail: 'this node was removed from its home: another takes it',
  retryAfterMs: UNAVAILABLE_RETRY_MS,
});

export const NO_ROOM: Submission = Object.freeze({
  status: 'unavailable',
  detail: 'the disk of this node is nearly full',
  why: 'no_room',
  retryAfterMs: UNAVAILABLE_RETRY_MS,
});

/** Nobody can tell now whether an account, or a device of one, is there: this node may not have heard of it yet. */
export function uncertainOf(who: string): Submission {
  const detail = `this node cannot tell now what its home has of ${who}`;
  return { status: 'unavailable', detail, retryAfterMs: UNAVAILABLE_RETRY_MS };
}
