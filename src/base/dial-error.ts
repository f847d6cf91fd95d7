/** Why a dial did not end in a connection. */
import { CodedError } from './errors.ts';

export type DialErrorCode =
  | 'bad_url'
  | 'address_refused' // a private or loopback address where policy forbids it
  | 'unreachable'
  | 'timeout'
  | 'too_large'; // an answer larger than the caller takes

export class DialError extends CodedError<DialErrorCode> {}
