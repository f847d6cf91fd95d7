import { CodedError } from '../../base/index.ts';
import type { Refused } from '../../protocol/index.ts';

export type ConnectionErrorCode =
  | 'unreachable' // the dial failed; `cause` says how
  | 'timeout' // no answer in time
  | 'closed' // the connection ended
  | 'dead' // two heartbeats in a row were not answered
  | 'refused' // the node said no: `details.refusal` is its code (docs/protocol/client.md#codes)
  | 'wrong_home' // the node serves another home
  | 'wrong_node' // the node has another key than the one it is known by
  | 'bad_welcome' // the node did not prove its key
  | 'version' // the node speaks a version of the protocol that this program does not know
  | 'malformed' // what came is not the client protocol
  | 'flooded'; // the node sends more than was asked for

export class ConnectionError extends CodedError<ConnectionErrorCode> {}

/** The node's own code when `error` is its refusal. */
export function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof ConnectionError) || error.code !== 'refused') return undefined;
  return String(error.details.refusal);
}

/** A node's refusal as an error. */
export function refusalError({ code, message, fix, retryAfterMs }: Refused): ConnectionError {
  return new ConnectionError('refused', message === '' ? `the node refused: ${code}` : message, {
    details: { refusal: code, retryAfterMs },
    retry: retryAfterMs > 0 ? 'later' : 'never',
    ...(fix === '' ? {} : { fix }),
  });
}
