/** What a node refuses its operator. */
import { CodedError } from '../base/index.ts';

export type NodeErrorCode =
  | 'bad_folder' // the data folder is not one, or lacks what it needs
  | 'newer_schema' // a newer program wrote it; it is left as it is
  | 'wrong_home' // the folder belongs to another home
  | 'unknown_account'
  | 'bad_value' // an operator's argument
  | 'damaged' // a view or block is not what the feed says
  | 'port_in_use'
  | 'not_running'
  | 'not_registrar' // asked of a node that does not keep the home's keys
  | 'stopping';

export class NodeError extends CodedError<NodeErrorCode> {}
