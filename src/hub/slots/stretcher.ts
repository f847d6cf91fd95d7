/**
 * Stretches passwords in threads of its own: Argon2id takes tenths of a second, in which the control server serves others.
 * A bounded queue: a flood of logins is answered `busy`, not with memory.
 */
import { Worker } from 'node:worker_threads';
import { invariant } from '../../base/index.ts';
import { workerUrl } from '../../base/system/index.ts';
import type { EnrolmentParameters } from '../../protocol/index.ts';
import { HubError } from '../hub-error.ts';
import { STRETCHING_QUEUE_MAX, STRETCHING_THREADS } from './limits.ts';

export interface Stretcher extends AsyncDisposable {
  /** 32 bytes. Throws HubError `busy`, `closed`. */
  stretch(password: string, parameters: EnrolmentParameters): Promise<Uint8Array>;
}

interface Job {
  readonly password: string;
  readonly parameters: EnrolmentParameters;
  readonly resolve: (key: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** What the thread answers. */
export type Stretched = { readonly key: Uint8Array } | { readonly failed: string };

export class ThreadedStretcher implements Stretcher {
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #queue: Job[] = [];
  #isClosed = false;

  stretch(password: string, parameters: EnrolmentParameters): Promise<Uint8Array> {
    if (this.#isClosed) return Promise.reject(new HubError('closed', 'the hub stops'));
    if (this.#queue.length >= STRETCHING_QUEUE_MAX)
      return Promise.reject(new HubError('busy', 'too many people log in at once', { retry: 'later' }));
    return new Promise((resolve, reject) => {
      this.#queue.push({ password, parameters, resolve, reject });
      this.#next();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const job of [...this.#queue.splice(0), ...this.#busy.values()])
      job.reject(new HubError('closed', 'the hub stops'));
    const workers = [...this.#idle.splice(0), ...this.#busy.keys()];
    this.#busy.clear();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #next(): void {
    const worker = this.#idle.pop() ?? (this.#busy.size < STRETCHING_THREADS ? this.#start() : undefined);
    if (worker === undefined) return;
    const job = this.#queue.shift();
    if (job === undefined) {
      this.#idle.push(worker);
      return;
    }
    this.#busy.set(worker, job);
    worker.postMessage({ password: job.password, parameters: job.parameters });
  }

  #start(): Worker {
    const worker = new Worker(workerUrl('./stretching-worker.ts', import.meta.url));
    worker.unref();
    worker.on('message', (answer: Stretched) => {
      const job = this.#take(worker);
      this.#idle.push(worker);
      if ('key' in answer) job.resolve(answer.key);
      else job.reject(new HubError('failed', answer.failed));
      this.#next();
    });
    worker.on('error', (cause) => {
      this.#take(worker).reject(new HubError('failed', 'a thread that stretches passwords died', { cause }));
      this.#next();
    });
    return worker;
  }

  #take(worker: Worker): Job {
    const job = this.#busy.get(worker);
    invariant(job !== undefined, 'a thread answers what it was asked');
    this.#busy.delete(worker);
    return job;
  }
}
