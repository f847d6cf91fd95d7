/** Why a link between two nodes of a home was not made, or a request over one not answered. */
import { CodedError } from '../../base/index.ts';

export type FleetErrorCode =
  | 'closed' // the link ended first
  | 'malformed' // not what this protocol says
  | 'wrong_node' // the other end is not the node that it should be, or does not prove it
  | 'not_a_node' // the home document does not name who asks
  | 'bad_token' // no such join token, or it was used, or it is too old
  | 'timeout' // no answer in time
  | 'no_registrar' // the node that keeps the home's keys does not answer now
  | 'refused' // the other node said no, for the reason in the message
  | 'not_here'; // asked of a node that is not the one to ask

export class FleetError extends CodedError<FleetErrorCode> {}
