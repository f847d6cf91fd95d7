/**
 * Hands submissions over when they are due, and again until somebody has taken them. That one is being handed over is durable
 * before it is, and from then on it cannot be canceled; the submitter knows it by its id, so nothing is sent twice.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Clock, isAbort, type Log, Scope } from '../../base/index.ts';
import { HANDOVER_BACKOFF_MAX_MS, HANDOVER_BACKOFF_MIN_MS, SUBMISSIONS_KEPT_MS } from '../limits.ts';
import type { MailAccount } from '../store/mail-account.ts';
import type { MailStore } from '../store/mail-store.ts';
import type { StoredSubmission } from './stored-submission.ts';
import { readSubmission, unsentSubmissions, writeSubmission } from './submission-shelf.ts';
import type { SubmissionJob, SubmissionOutcome, Submitter } from './submitter.ts';

export interface SubmissionQueueDeps {
  readonly store: MailStore;
  readonly submitter: Submitter;
  readonly clock: Clock;
  readonly log: Log;
}

export class SubmissionQueue implements AsyncDisposable {
  readonly #deps: SubmissionQueueDeps;
  readonly #scope: Scope;
  readonly #running = new Map<string, AbortController>();

  constructor(deps: SubmissionQueueDeps) {
    this.#deps = deps;
    this.#scope = new Scope((name, error) => deps.log.error({ error, task: name }, 'a submission failed'));
  }

  /** Goes on with what was not finished before, and forgets what is long over. */
  resume(): void {
    const forgotten = this.#deps.clock.now() - SUBMISSIONS_KEPT_MS;
    for (const account of this.#deps.store.accounts()) {
      for (const { id } of unsentSubmissions(account)) this.start(account, id);
      for (const { id, value } of account.objects.list<StoredSubmission>('EmailSubmission'))
        if (value.phase === 'done' && value.sendAt < forgotten) account.objects.remove('EmailSubmission', id);
    }
  }

  start(account: MailAccount, id: string): void {
    const name = `${account.id} ${id}`;
    if (this.#running.has(name)) return;
    const controller = new AbortController();
    this.#running.set(name, controller);
    this.#scope.spawn(`submit ${name}`, async (closing) => {
      const signal = AbortSignal.any([closing, controller.signal]);
      try {
        await this.#run(account, id, signal);
      } catch (error) {
        if (!isAbort(error, signal)) throw error;
      } finally {
        this.#running.delete(name);
      }
    });
  }

  /** Whether it was not handed over yet, and will not be. */
  cancel(account: MailAccount, id: string): boolean {
    const submission = readSubmission(account, id);
    if (submission?.phase !== 'waiting') return false;
    writeSubmission(account, id, { ...submission, undoStatus: 'canceled', phase: 'done' });
    this.#running.get(`${account.id} ${id}`)?.abort(new DOMException('the submission is canceled', 'AbortError'));
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  async #run(account: MailAccount, id: string, signal: AbortSignal): Promise<void> {
    const { store, clock, log } = this.#deps;
    const first = readSubmission(account, id);
    if (first === undefined || first.phase === 'done') return;
    await store.flush();
    if (first.phase === 'waiting') {
      await clock.sleep(Math.max(0, first.sendAt - clock.now()), signal);
      const due = readSubmission(account, id);
      if (due?.phase !== 'waiting') return;
      writeSubmission(account, id, { ...due, undoStatus: 'final', phase: 'handing' });
      await store.flush();
    }
    const { blobId, envelope, threadId } = first;
    const job = { id, accountId: account.id, threadId, blobId, envelope };
    // Until its account is removed, and it with it.
    for (let waitMs = HANDOVER_BACKOFF_MIN_MS; readSubmission(account, id)?.phase === 'handing'; ) {
      const outcome = await this.#submit(job, signal);
      this.#note(account, id, outcome);
      if (outcome.kind === 'taken') return;
      log.info({ submission: id, reason: outcome.reason }, 'nobody has taken a message yet');
      const isSooner = await this.#pause(waitMs, outcome.sooner, signal);
      waitMs = isSooner ? HANDOVER_BACKOFF_MIN_MS : Math.min(HANDOVER_BACKOFF_MAX_MS, 2 * waitMs);
    }
  }

  /** What goes wrong may go right another time, and nobody else would try again. */
  async #submit(job: SubmissionJob, signal: AbortSignal): Promise<SubmissionOutcome> {
    try {
      return await this.#deps.submitter.submit(job, signal);
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      this.#deps.log.error({ error, submission: job.id }, 'a submission failed');
      return { kind: 'later', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Whether it has ended before its time. */
  async #pause(ms: number, sooner: AbortSignal | undefined, signal: AbortSignal): Promise<boolean> {
    const ends = sooner === undefined ? signal : AbortSignal.any([signal, sooner]);
    try {
      await this.#deps.clock.sleep(ms, ends);
      return false;
    } catch (error) {
      if (sooner?.aborted !== true || signal.aborted || !isAbort(error, ends)) throw error;
      return true;
    }
  }

  /** A submission that the client has destroyed is sent all the same, and nothing is told of it. */
  #note(account: MailAccount, id: string, outcome: SubmissionOutcome): void {
    const submission = readSubmission(account, id);
    if (submission === undefined || outcome.statuses === undefined) return;
    const phase = outcome.kind === 'taken' ? 'done' : submission.phase;
    const noted = { ...submission, deliveryStatus: outcome.statuses, phase };
    // The same of each of many tries is no news.
    if (!isDeepStrictEqual(noted, submission)) writeSubmission(account, id, noted);
  }
}
