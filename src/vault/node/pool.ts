/**
 * A pool of threads that seal, open and read the bodies of one account. Each thread gets the secrets once, at its start. Jobs
 * wait in one bounded queue; the oldest goes to the thread with the least to do. A thread that dies takes its own jobs with
 * it (`worker_lost`, to be tried again) and is replaced; threads that die in a row without getting ready end the pool.
 */
import { availableParallelism } from 'node:os';
import { invariant } from '../../base/index.ts';
import { workerUrl } from '../../base/system/index.ts';
import { type AccountSecrets, encodeAccountSecrets } from '../account-secrets.ts';
import type { OpenedBody } from '../body.ts';
import { bindingOf } from '../body-binding.ts';
import type { BodyWorker, OpenJob, SealJob } from '../body-worker.ts';
import type { Certificate } from '../certificate.ts';
import { FAILED_STARTS_MAX, JOBS_PER_THREAD, MIME_INLINE_BYTES_MAX, QUEUED_JOBS_PER_THREAD } from '../limits.ts';
import { type ReadMime, readMime } from '../mime-reading.ts';
import { VaultError } from '../vault-error.ts';
import type { PlainCertificate } from './pool-messages.ts';
import { PoolQueue } from './pool-queue.ts';
import { PoolThread } from './pool-thread.ts';

export interface VaultPoolDeps {
  /** A thread died; it is replaced. For the log. */
  readonly onThreadLost: (error: VaultError) => void;
}

export interface VaultPoolOptions {
  readonly secrets: AccountSecrets;
  /** Default: as many as the process may use cores. */
  readonly threads?: number;
  /** Compiled code of a thread; default: ours. */
  readonly threadUrl?: URL;
}

export class VaultPool implements BodyWorker {
  readonly parallelism: number;
  readonly #deps: VaultPoolDeps;
  readonly #url: URL;
  readonly #secrets: Uint8Array;
  readonly #threads = new Set<PoolThread>();
  /** Those of them that take jobs: a job is not risked on a thread that may not even start. */
  readonly #ready = new Set<PoolThread>();
  readonly #queue: PoolQueue;
  readonly #watchers = new Set<() => void>();
  #failedStarts = 0;

  private constructor(deps: VaultPoolDeps, options: VaultPoolOptions, threads: number) {
    this.#deps = deps;
    this.#url = options.threadUrl ?? workerUrl('./pool-worker.ts', import.meta.url);
    this.#secrets = encodeAccountSecrets(options.secrets);
    this.#queue = new PoolQueue(threads * QUEUED_JOBS_PER_THREAD, () => this.#dispatch());
    this.parallelism = threads * JOBS_PER_THREAD;
  }

  /** Resolves when all threads are ready. Throws VaultError `worker_lost` when they do not start. */
  static async open(deps: VaultPoolDeps, options: VaultPoolOptions): Promise<VaultPool> {
    const threads = options.threads ?? availableParallelism();
    const pool = new VaultPool(deps, options, threads);
    for (let index = 0; index < threads; index++) pool.#start();
    await pool.#until(() => pool.#ready.size >= threads || pool.#queue.refusal !== undefined);
    const { refusal } = pool.#queue;
    if (refusal === undefined) return pool;
    await pool[Symbol.asyncDispose]();
    throw refusal;
  }

  async seal(job: SealJob, signal?: AbortSignal): Promise<Uint8Array> {
    const { mime, binding, bytesMax } = job;
    const certificates = job.certificates.map(plainCertificate);
    const message = { kind: 'seal', mime, certificates, binding: bindingOf(binding), bytesMax } as const;
    return (await this.#queue.add(message, signal)).bytes;
  }

  async open(job: OpenJob, signal?: AbortSignal): Promise<OpenedBody> {
    const { body, binding } = job;
    const signers = job.signers.map(plainCertificate);
    const message = { kind: 'open', body, signers, binding: bindingOf(binding) } as const;
    const { bytes, verification } = await this.#queue.add(message, signal);
    return { mime: bytes, verification: verification ?? { status: 'unsigned' } };
  }

  async read(mime: Uint8Array, charactersMax: number, signal?: AbortSignal): Promise<ReadMime> {
    if (mime.length <= MIME_INLINE_BYTES_MAX) {
      signal?.throwIfAborted();
      if (this.#queue.refusal !== undefined) throw this.#queue.refusal;
      return readMime(mime, charactersMax);
    }
    const { reading } = await this.#queue.add({ kind: 'read', mime, charactersMax }, signal);
    invariant(reading !== undefined, 'a thread that was asked to read has read');
    return reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#queue.close(new VaultError('closed', 'the vault pool is closed'));
    await this.#until(() => this.#threads.size === 0 || (this.#queue.size === 0 && this.#busiest() === 0));
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  #start(): void {
    const thread = new PoolThread(this.#url, this.#secrets, {
      onReady: () => {
        this.#ready.add(thread);
        this.#failedStarts = 0;
        this.#changed();
      },
      onEnd: (error) => {
        this.#threads.delete(thread);
        this.#replace(error, this.#ready.delete(thread));
        this.#changed();
      },
    });
    this.#threads.add(thread);
  }

  /** After a thread's end: another in its place, or the end of the pool. */
  #replace(error: VaultError, wasReady: boolean): void {
    const isIdle = this.#queue.size === 0 && this.#busiest() === 0;
    if (this.#queue.refusal !== undefined && isIdle) return; // closing: there is nothing left to do
    this.#deps.onThreadLost(error);
    if (!wasReady) this.#failedStarts++;
    if (this.#failedStarts < FAILED_STARTS_MAX) {
      this.#start();
      return;
    }
    this.#queue.close(error);
    for (let job = this.#queue.take(); job !== undefined; job = this.#queue.take()) job.reject(error);
  }

  #dispatch(): void {
    for (;;) {
      const thread = this.#leastBusy();
      if (thread === undefined || thread.jobCount >= JOBS_PER_THREAD) return;
      const job = this.#queue.take();
      if (job === undefined) return;
      void thread
        .run(job.message)
        .then(job.resolve, job.reject)
        .then(() => this.#changed());
    }
  }

  #leastBusy(): PoolThread | undefined {
    let least: PoolThread | undefined;
    for (const thread of this.#ready) if (least === undefined || thread.jobCount < least.jobCount) least = thread;
    return least;
  }

  #busiest(): number {
    return Math.max(0, ...[...this.#threads].map((thread) => thread.jobCount));
  }

  /** A job settled, a thread is ready or has ended. */
  #changed(): void {
    this.#dispatch();
    for (const watch of this.#watchers) watch();
  }

  #until(isReached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const watch = (): void => {
        if (!isReached()) return;
        this.#watchers.delete(watch);
        resolve();
      };
      this.#watchers.add(watch);
      watch();
    });
  }
}

function plainCertificate({ hash, bytes }: Certificate): PlainCertificate {
  return { hash, bytes };
}
