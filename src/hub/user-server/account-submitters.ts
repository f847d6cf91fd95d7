/** Submission of all accounts: each by its own way. */
import type { SubmissionJob, SubmissionLimits, SubmissionOutcome, Submitter } from '../../jmap/index.ts';

export class AccountSubmitters implements Submitter {
  readonly #of: (accountId: string) => Submitter;

  constructor(of: (accountId: string) => Submitter) {
    this.#of = of;
  }

  limitsOf(accountId: string): SubmissionLimits {
    return this.#of(accountId).limitsOf(accountId);
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
