/** What a published format refuses. The codes stand in docs/protocol/README.md. */
import { CodedError } from '../base/index.ts';

export type ProtocolErrorCode =
  | 'malformed' // the bytes are not this format
  | 'too_large' // beyond a limit of limits.ts
  | 'bad_signature' // signed by nobody who may
  | 'bad_chain'; // a signed chain that does not link

export class ProtocolError extends CodedError<ProtocolErrorCode> {}
