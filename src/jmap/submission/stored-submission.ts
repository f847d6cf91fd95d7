/** An EmailSubmission as it is kept (RFC 8621, section 7). */
import type { DeliveryStatus, SmtpEnvelope } from './submitter.ts';

export interface StoredSubmission {
  readonly identityId: string;
  readonly emailId: string;
  readonly threadId: string;
  readonly envelope: SmtpEnvelope;
  readonly sendAt: number;
  readonly undoStatus: 'pending' | 'final' | 'canceled';
  readonly deliveryStatus: Readonly<Record<string, DeliveryStatus>> | null;
  readonly dsnBlobIds: readonly string[];
  readonly mdnBlobIds: readonly string[];
  /** `waiting` until it is due, `handing` until a submitter has taken it, then `done`; a canceled one is done. */
  readonly phase: 'waiting' | 'handing' | 'done';
  /** What is sent, whatever becomes of the email. */
  readonly blobId: string;
}
