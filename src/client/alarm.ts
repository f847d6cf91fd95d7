/**
 * Alarms: what a server that cheats, or is mistaken, is caught at. An alarm is recorded durably under its code and subject,
 * told once, and stands until what it says is shown to be over.
 */
export type AlarmCode =
  | 'withheld' // entries that a signed head covers are not served
  | 'renumbered' // an entry contradicts the mailbox chain that the node signed
  | 'wrong_body' // a body is not the one that the author signed
  | 'two_heads' // two signed heads of one number differ
  | 'rolled_back' // a node signs a shorter mailbox than it signed before
  | 'bad_head' // a head is not signed by the node that shows it
  | 'bad_signature' // a mail's header is not signed by the device that it names
  | 'unknown_device' // nor does the author's chain know that device
  | 'malformed_entry' // what the node numbers is not a PDU for this account
  | 'chain_rolled_back' // a home shows an older version of an account than was seen before
  | 'chain_forked' // two versions of an account with one number
  | 'bad_chain' // an account chain that does not verify
  | 'certificate_unconfirmed' // a certificate whose user id is not the address it is given out for
  | 'home_rolled_back'
  | 'home_forked'
  | 'bad_home_chain'
  | 'key_not_logged' // a key that its home's log does not name
  | 'key_log_forked' // a home's log names two documents for one version, or its key signed two logs
  | 'key_log_shorter' // a home's log is shown shorter than it was
  | 'key_log_replaced' // a home began another log; told once, and stops nothing
  | 'bad_key_log' // a log that does not verify
  | 'foreign_key_logged' // a version of this person's account that none of their devices signed
  | 'weak_parameters'; // a home asks for less password stretching than the floor

export interface Alarm {
  readonly code: AlarmCode;
  /** What it is about: an address, or a feed with mailbox numbers. */
  readonly subject: string;
  /** One sentence. */
  readonly detail: string;
  /** The node that showed it, as far as known. */
  readonly node: string | undefined;
  /** Milliseconds since 1970, this device's clock. */
  readonly at: number;
}
