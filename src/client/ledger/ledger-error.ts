/** What the ledger refuses: bytes from the store that are not a ledger. */
import { CodedError } from '../../base/index.ts';

export type LedgerErrorCode =
  | 'malformed' // not what this program wrote
  | 'newer_version'; // written by a newer program

export class LedgerError extends CodedError<LedgerErrorCode> {}
