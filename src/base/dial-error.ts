/** Why a dial did not end in a connection. */
import { CodedError } from './errors.ts';

export type DialErrorCode =
  | 'bad_url'
  | 'address_refused' // a private or loopback address where policy forbids it
  | 'unreachable'
  | 'timeout';

export class DialError extends CodedError<DialErrorCode> {}
