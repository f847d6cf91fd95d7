/**
 * Jobs that no thread has yet: oldest first, bounded. Whoever brings a job while it is full waits for room; an aborted job
 * leaves the queue, or the line before it, at once.
 */
import { watchAbort } from '../abort.ts';
import type { VaultError } from '../vault-error.ts';
import type { JobMessage, JobResult } from './pool-messages.ts';

export interface QueuedJob {
  readonly message: JobMessage;
  /** The first of the two counts; after an abort neither does. */
  readonly resolve: (result: JobResult) => void;
  readonly reject: (error: unknown) => void;
}

export class PoolQueue {
  readonly #capacity: number;
  readonly #onJob: () => void;
  readonly #jobs = new Set<QueuedJob>();
  readonly #waiting = new Set<() => void>();
  #refusal: VaultError | undefined;

  /** `onJob` is called when there is a job to take. */
  constructor(capacity: number, onJob: () => void) {
    this.#capacity = capacity;
    this.#onJob = onJob;
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** The job's result. Throws the refusal of `close`, or `signal.reason`. */
  async add(message: JobMessage, signal: AbortSignal | undefined): Promise<JobResult> {
    signal?.throwIfAborted();
    while (this.#refusal === undefined && this.#jobs.size >= this.#capacity) await this.#whenRoom(signal);
    if (this.#refusal !== undefined) throw this.#refusal;
    let watch: Disposable | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const job: QueuedJob = { message, resolve, reject };
        watch = watchAbort(signal, () => {
          reject(signal?.reason);
          if (this.#jobs.delete(job)) this.#wakeNext();
        });
        this.#jobs.add(job);
        this.#onJob();
      });
    } finally {
      watch?.[Symbol.dispose]();
    }
  }

  /** The oldest job, which is the caller's now. */
  take(): QueuedJob | undefined {
    const [job] = this.#jobs;
    if (job === undefined) return undefined;
    this.#jobs.delete(job);
    this.#wakeNext();
    return job;
  }

  /** Takes no more; what is in it stays to be taken. The first refusal counts. */
  close(refusal: VaultError): void {
    this.#refusal ??= refusal;
    for (const wake of this.#waiting) wake();
  }

  get refusal(): VaultError | undefined {
    return this.#refusal;
  }

  #wakeNext(): void {
    const [wake] = this.#waiting;
    wake?.();
  }

  #whenRoom(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        watch[Symbol.dispose]();
        resolve();
      };
      const watch = watchAbort(signal, () => {
        this.#waiting.delete(wake);
        reject(signal?.reason);
      });
      this.#waiting.add(wake);
    });
  }
}
