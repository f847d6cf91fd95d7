/** What a store refuses. */
import { CodedError } from '../base/index.ts';

export type StoreErrorCode =
  | 'handle_dead' // a transaction handle used after its callback
  | 'closed'
  | 'too_large' // key or value beyond the port's limits
  | 'newer_schema' // the folder was written by a newer program
  | 'locked' // another process has the folder open
  | 'disk_full'
  | 'corrupt'
  | 'failed'; // the engine failed; `cause` says how

export class StoreError extends CodedError<StoreErrorCode> {}
