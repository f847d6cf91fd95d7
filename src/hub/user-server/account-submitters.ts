/** Submission of all accounts: each by its own way. What one message may be is what every way takes. */
import type { SubmissionJob, SubmissionOutcome, Submitter } from '../../jmap/index.ts';

export class AccountSubmitters implements Submitter {
  readonly messageBytesMax: number;
  readonly recipientsMax: number;
  readonly #of: (accountId: string) => Submitter;

  constructor(all: readonly Submitter[], of: (accountId: string) => Submitter) {
    this.messageBytesMax = Math.min(...all.map(({ messageBytesMax }) => messageBytesMax));
    this.recipientsMax = Math.min(...all.map(({ recipientsMax }) => recipientsMax));
    this.#of = of;
  }

  maySendFrom(accountId: string, address: string): boolean {
    return this.#of(accountId).maySendFrom(accountId, address);
  }

  hindrance(accountId: string): string | undefined {
    return this.#of(accountId).hindrance(accountId);
  }

  submit(job: SubmissionJob, signal: AbortSignal): Promise<SubmissionOutcome> {
    return this.#of(job.accountId).submit(job, signal);
  }
}
