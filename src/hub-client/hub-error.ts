/** What the hub and this library refuse. Callers test `code`; the texts never quote passwords, keys or mail. */
import { CodedError } from '../base/index.ts';

export type HubErrorCode =
  | 'malformed' // bytes or JSON that are not what they are said to be
  | 'damaged' // what is on the disk is not what was written, or of another key
  | 'too_large' // beyond a limit of limits.ts
  | 'bad_signature' // a bus message that its named sender has not signed
  | 'unknown_sender' // a bus message of nobody whose key is known
  | 'misaddressed' // a bus message for another component or another user
  | 'replayed' // a bus message whose number has been seen
  | 'not_sealed_to_us' // a sealed secret for another key or another purpose
  | 'absent' // nobody on the bus has that name
  | 'unknown_kind' // a request that the component does not know
  | 'late' // no answer in time
  | 'unauthenticated' // no credential
  | 'refused' // address and credential do not belong together; says no more on purpose
  | 'forbidden' // the session's scopes do not allow it
  | 'throttled' // too many tries; details say when to come again
  | 'busy' // as much is under way as may be
  | 'unavailable' // the user server is broken and rests; it is tried again later
  | 'moved' // the user has just gone to another host: ask again at once
  | 'locked' // nobody has presented a credential since the start
  | 'fenced' // another host has taken the user over
  | 'home_unreachable' // the person's home does not answer
  | 'server_unreachable' // a mail server of others does not answer as one
  | 'untrusted' // its certificate is not one for its name
  | 'credential_refused' // it does not take the password or token
  | 'port_in_use'
  | 'failed' // a component failed; its log says why
  | 'cut' // the connection ended before the answer; whether it was carried out is not known
  | 'closed';

export class HubError extends CodedError<HubErrorCode> {}
