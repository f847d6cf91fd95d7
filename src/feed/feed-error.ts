/** What a feed refuses, and what it finds broken. */
import { CodedError } from '../base/index.ts';

export type FeedErrorCode =
  | 'malformed' // bytes from outside that are not what they claim to be
  | 'too_large' // beyond a limit of limits.ts
  | 'out_of_range' // a block or length that the log does not have
  | 'read_only' // the feed's secret key is not here
  | 'bad_signature' // a root that the feed's key did not sign
  | 'wrong_key' // not a key, or not the key of this feed
  | 'forked' // the feed's key has signed two histories: nothing is added any more
  | 'exists' // a folder that has a feed already
  | 'not_found' // a folder without a feed; a feed without that block or file
  | 'corrupt'; // the stored rows contradict each other; `verifyAll` says more

export class FeedError extends CodedError<FeedErrorCode> {}
