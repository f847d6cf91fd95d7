/**
 * A worker thread and the jobs it has. Each job settles exactly once: with the thread's answer, or as `worker_lost` when
 * the thread ends first, however it ends.
 */
import { Worker } from 'node:worker_threads';
import { VaultError } from '../vault-error.ts';
import {
  errorOf,
  type JobMessage,
  type JobResult,
  type PoolToThread,
  type ThreadData,
  type ThreadToPool,
} from './pool-messages.ts';

interface Settle {
  readonly resolve: (result: JobResult) => void;
  readonly reject: (error: Error) => void;
}

export interface ThreadEvents {
  /** The thread takes jobs. */
  readonly onReady: () => void;
  /** The thread has ended and its jobs are rejected; it is told also after `terminate`. */
  readonly onEnd: (error: VaultError) => void;
}

export class PoolThread {
  readonly #worker: Worker;
  readonly #jobs = new Map<number, Settle>();
  #nextId = 0;
  #lost: VaultError | undefined;

  constructor(url: URL, secrets: Uint8Array, events: ThreadEvents) {
    this.#worker = new Worker(url, { workerData: { secrets } satisfies ThreadData, name: 'restante-vault' });
    let cause: unknown;
    this.#worker.on('message', (message: ThreadToPool) => {
      if (message.kind === 'ready') events.onReady();
      else this.#settle(message);
    });
    this.#worker.on('error', (error) => {
      cause = error;
    });
    this.#worker.on('exit', (exitCode) => {
      events.onEnd(this.#end(exitCode, cause));
    });
  }

  get jobCount(): number {
    return this.#jobs.size;
  }

  run(job: JobMessage): Promise<JobResult> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#jobs.set(id, { resolve, reject });
      this.#worker.postMessage({ id, job } satisfies PoolToThread);
    });
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(message: Exclude<ThreadToPool, { kind: 'ready' }>): void {
    const job = this.#jobs.get(message.id);
    this.#jobs.delete(message.id);
    if (message.kind === 'done') job?.resolve(message.result);
    else job?.reject(errorOf(message.error));
  }

  #end(exitCode: number, cause: unknown): VaultError {
    const lost = new VaultError('worker_lost', 'a vault thread ended before its jobs were done', {
      details: { exitCode, jobs: this.#jobs.size },
      cause,
      retry: 'now',
    });
    this.#lost = lost;
    for (const { reject } of this.#jobs.values()) reject(lost);
    this.#jobs.clear();
    return lost;
  }
}
