/**
 * A body worker for work of unknown extent: in the calling thread first, and, when more comes than is done there in a
 * moment, by another worker that is opened meanwhile. Threads cost tens of megabytes and their start; most days bring a
 * handful of mails.
 */

import type { OpenedBody } from './body.ts';
import type { BodyWorker, OpenJob, SealJob } from './body-worker.ts';
import { JOBS_BEFORE_THREADS } from './limits.ts';
import type { ReadMime } from './mime-reading.ts';

export interface GrowingWorkerDeps {
  readonly few: BodyWorker;
  /** Called once at most. */
  readonly openMany: () => Promise<BodyWorker>;
}

export class GrowingBodyWorker implements BodyWorker {
  readonly #deps: GrowingWorkerDeps;
  #jobs = 0;
  #opening: Promise<void> | undefined;
  #many: BodyWorker | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: GrowingWorkerDeps) {
    this.#deps = deps;
  }

  get parallelism(): number {
    return this.#current.parallelism;
  }

  async seal(job: SealJob, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#take().seal(job, signal);
  }

  async open(job: OpenJob, signal?: AbortSignal): Promise<OpenedBody> {
    return this.#take().open(job, signal);
  }

  async read(mime: Uint8Array, charactersMax: number, signal?: AbortSignal): Promise<ReadMime> {
    return this.#take().read(mime, charactersMax, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deps.few[Symbol.asyncDispose]();
    await this.#opening;
    await this.#many?.[Symbol.asyncDispose]();
  }

  get #current(): BodyWorker {
    return this.#many ?? this.#deps.few;
  }

  /** Throws what opening the other worker threw. */
  #take(): BodyWorker {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#jobs += 1;
    if (this.#jobs > JOBS_BEFORE_THREADS) this.#opening ??= this.#grow();
    return this.#current;
  }

  async #grow(): Promise<void> {
    try {
      this.#many = await this.#deps.openMany();
    } catch (error) {
      this.#failure = { error };
    }
  }
}
