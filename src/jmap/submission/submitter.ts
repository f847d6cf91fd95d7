/** Sending mail, as a port: the account's agent hands messages over to its server or to encrypted delivery. */

export interface EnvelopeAddress {
  readonly email: string;
  /** Of MAIL FROM or RCPT TO, decoded. */
  readonly parameters: Readonly<Record<string, string | null>> | null;
}

/** For SMTP: where errors go, and who gets the message. */
export interface SmtpEnvelope {
  readonly mailFrom: EnvelopeAddress;
  readonly rcptTo: readonly EnvelopeAddress[];
}

export interface SubmissionJob {
  /** Always the same for one submission: a submitter that has it already must not send it again. */
  readonly id: string;
  readonly accountId: string;
  /** Of the email that is sent. */
  readonly threadId: string;
  /** The message, without Bcc, in the blob store. */
  readonly blobId: string;
  readonly envelope: SmtpEnvelope;
}

/** RFC 8621, section 7. */
export interface DeliveryStatus {
  readonly smtpReply: string;
  readonly delivered: 'queued' | 'yes' | 'no' | 'unknown';
  readonly displayed: 'unknown' | 'yes';
}

export type SubmissionOutcome =
  /** It was taken over; by recipient, in the envelope's spelling. */
  | { readonly kind: 'taken'; readonly statuses: Readonly<Record<string, DeliveryStatus>> }
  /** Nobody has it, or some do not: try again. */
  | {
      readonly kind: 'later';
      readonly reason: string;
      /** What is known of each recipient so far, where that is something. */
      readonly statuses?: Readonly<Record<string, DeliveryStatus>>;
      /** Aborted when what was in the way may be gone, as after the person has given another password. */
      readonly sooner?: AbortSignal;
    };

/** What one submission may be. */
export interface SubmissionLimits {
  readonly messageBytesMax: number;
  readonly recipientsMax: number;
}

export interface Submitter {
  limitsOf(accountId: string): SubmissionLimits;
  /** Whether the account may write an address as its sender. `*@domain` asks for the whole domain. */
  maySendFrom(accountId: string, address: string): boolean;
  /** Why the account cannot send at all now; undefined if it can. */
  hindrance(accountId: string): string | undefined;
  submit(job: SubmissionJob, signal: AbortSignal): Promise<SubmissionOutcome>;
}
