/** What the client refuses, in codes that a program can test; docs and the command line show `message` and `fix`. */
import { CodedError } from '../base/index.ts';

export type ClientErrorCode =
  | 'offline' // no node is connected
  | 'banned' // the operator of the home blocked the account
  | 'account_closed' // the account has ended
  | 'registration_closed'
  | 'invite_needed'
  | 'invite_unknown'
  | 'address_taken'
  | 'wrong_password' // or no such account: the home does not tell
  | 'wrong_recovery_code'
  | 'weak_parameters' // the home asks for less password stretching than is safe; nothing was derived
  | 'bad_home' // the home document does not verify, or is not the one known
  | 'bad_account' // the account's own chain or vault record does not verify
  | 'rate_limited'
  | 'no_recipient'
  | 'unknown_recipient' // no such account; details name the addresses
  | 'unknown_home' // no home answers for what stands after the @
  | 'not_encrypted' // ordinary mail that would be in the clear, which the person has not said it may be
  | 'home_unreachable' // it does not answer now, and the account's key is not known here
  | 'unknown_conversation'
  | 'not_a_member' // somebody who is not in the conversation; details name the addresses
  | 'not_in_conversation' // this person is not, or no longer, or not yet
  | 'read_only' // this person reads the conversation and does not write
  | 'not_an_owner' // only an owner may
  | 'conversation_gap' // something of the conversation is not here: a change of its members, perhaps
  | 'standing_alarm' // nothing is encrypted to this account before a person looked
  | 'unknown_message'
  | 'unreadable' // the message is here and cannot be opened
  | 'not_here' // its body is not on this device: expired, erased, or not fetched yet
  | 'too_large'
  | 'attachment_changed' // the file changed while it was read
  | 'attachment_missing' // no node has the piece: erased, or not there yet
  | 'attachment_damaged' // what came is not what its author sent
  | 'unknown_device' // revoked, or not of this account
  | 'newer_schema' // a newer program wrote the store
  | 'corrupt_store' // a row that this program wrote does not read
  | 'refused' // the node said no; details say which code
  | 'closed';

export class ClientError extends CodedError<ClientErrorCode> {}
