/** What homes refuse each other, and what keeps one from reaching another. docs/protocol/federation.md lists the codes. */
import { CodedError } from '../base/index.ts';

export type FederationErrorCode =
  // Said by a home to another, and understood from one (transport/error-table.ts).
  | 'unsigned' // no Authorization, or not one of ours
  | 'wrong_destination' // signed for another home
  | 'unknown_key' // no node of that name in the origin's home document
  | 'rotated_key' // a key that the origin's home document no longer names
  | 'bad_signature' // of the request, or of something in it
  | 'forbidden' // not for this home: it has no members there
  | 'not_found'
  | 'malformed'
  | 'too_large'
  | 'rate_limited'
  | 'refused' // for another reason, which the message says
  | 'unavailable' // not now
  // Found out here.
  | 'unreachable' // no connection
  | 'timeout'
  | 'address_refused' // only at private or loopback addresses
  | 'unknown_home' // discovery leads to no home document
  | 'bad_answer' // not what the protocol says
  | 'home_forked' // another chain than the one it showed before
  | 'home_rolled_back'; // a shorter chain than the one it showed before

export class FederationError extends CodedError<FederationErrorCode> {}
