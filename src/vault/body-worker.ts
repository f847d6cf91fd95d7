/**
 * Sealing, opening and reading the bodies of one account, as a port: in the calling thread (this file, portable) or in a pool of
 * threads (node/pool.ts). Both pass body-worker.contract.ts.
 */
import { watchAbort } from './abort.ts';
import type { AccountSecrets } from './account-secrets.ts';
import { type OpenedBody, openBody, sealBody } from './body.ts';
import type { BodyBinding } from './body-binding.ts';
import type { Certificate } from './certificate.ts';
import type { SealingDeps } from './encryption.ts';
import { JOBS_PER_THREAD } from './limits.ts';
import { type ReadMime, readMime } from './mime-reading.ts';
import { VaultError } from './vault-error.ts';

export interface SealJob {
  readonly mime: Uint8Array;
  /** Of everybody who may read it, the author included. */
  readonly certificates: readonly Certificate[];
  readonly binding: BodyBinding;
  /** As of `sealBody`. */
  readonly bytesMax?: number | undefined;
}

export interface OpenJob {
  readonly body: Uint8Array;
  /** The author's certificates, from the account chain. */
  readonly signers: readonly Certificate[];
  readonly binding: BodyBinding;
}

export interface BodyWorker extends AsyncDisposable {
  /** How many jobs it works at together: more at once gain nothing. */
  readonly parallelism: number;
  /**
   * Throws what `sealBody` throws, VaultError `worker_lost` or `closed`, or `signal.reason` at once when aborted. Waits
   * while the queue is full. The bytes of the job must not be changed until it has settled.
   */
  seal(job: SealJob, signal?: AbortSignal): Promise<Uint8Array>;
  /** Throws what `openBody` throws, and as `seal` does. */
  open(job: OpenJob, signal?: AbortSignal): Promise<OpenedBody>;
  /** What lists and readers show of a message in the clear. Throws as `seal` does; the message itself is never at fault. */
  read(mime: Uint8Array, charactersMax: number, signal?: AbortSignal): Promise<ReadMime>;
  /** Takes no more; resolves when what was taken is done. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

export class InThreadBodyWorker implements BodyWorker {
  readonly parallelism = JOBS_PER_THREAD;
  readonly #deps: SealingDeps;
  readonly #secrets: AccountSecrets;
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  constructor(deps: SealingDeps, options: { readonly secrets: AccountSecrets }) {
    this.#deps = deps;
    this.#secrets = options.secrets;
  }

  seal(job: SealJob, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#run(() => sealBody(this.#deps, { ...job, secrets: this.#secrets }), signal);
  }

  open(job: OpenJob, signal?: AbortSignal): Promise<OpenedBody> {
    return this.#run(() => openBody({ ...job, secrets: this.#secrets }), signal);
  }

  read(mime: Uint8Array, charactersMax: number, signal?: AbortSignal): Promise<ReadMime> {
    return this.#run(() => readMime(mime, charactersMax), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
  }

  async #run<Result>(work: () => Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
    if (this.#closed) throw new VaultError('closed', 'the body worker is closed');
    signal?.throwIfAborted();
    const job = work();
    this.#running.add(job);
    void job.then(nothing, nothing).then(() => this.#running.delete(job));
    return raceAbort(job, signal);
  }
}

const nothing = (): void => {};

/** The job's outcome, unless the signal comes first; a late outcome is dropped. */
async function raceAbort<Result>(job: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return job;
  let watch: Disposable | undefined;
  const aborted = new Promise<never>((_, reject) => {
    watch = watchAbort(signal, () => reject(signal.reason));
  });
  try {
    return await Promise.race([job, aborted]);
  } finally {
    watch?.[Symbol.dispose]();
  }
}
