/** What the fleet directory refuses. */
import { CodedError } from '../../base/index.ts';

export type DirectoryErrorCode =
  | 'malformed' // not a fleets file, or not the settings this program wrote
  | 'too_large' // beyond a limit of limits.ts
  | 'bad_name' // not a name a person could read
  | 'bad_address' // neither a ws: or wss: URL nor a multiaddr of one
  | 'bad_key' // not an Ed25519 public key, or two keys for one node
  | 'name_taken' // the person has a node of this name already
  | 'unknown_fleet' // not in the fleets file
  | 'unknown_node'; // not in the merged list

export class DirectoryError extends CodedError<DirectoryErrorCode> {}
