/**
 * Many bodies through a worker: results come in the order of the jobs, each its own success or refusal, while no more jobs
 * are drawn from the source than keep the worker busy. One broken mail among thousands stops nothing.
 */
import type { OpenedBody } from './body.ts';
import type { BodyWorker, OpenJob, SealJob } from './body-worker.ts';
import { VaultError } from './vault-error.ts';

export type BulkResult<Result> =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly error: VaultError };

type Source<Job> = Iterable<Job> | AsyncIterable<Job>;

/** Ends with `signal.reason` when aborted, with VaultError `closed` when the worker is disposed meanwhile. */
export function sealAll(
  worker: BodyWorker,
  jobs: Source<SealJob>,
  signal?: AbortSignal,
): AsyncGenerator<BulkResult<Uint8Array>> {
  return inOrder(jobs, windowOf(worker), (job) => worker.seal(job, signal));
}

/** As `sealAll`. */
export function openAll(
  worker: BodyWorker,
  jobs: Source<OpenJob>,
  signal?: AbortSignal,
): AsyncGenerator<BulkResult<OpenedBody>> {
  return inOrder(jobs, windowOf(worker), (job) => worker.open(job, signal));
}

/** Twice what it works at: the next job is there when one is done, also when the consumer is a little late. */
function windowOf(worker: BodyWorker): number {
  return 2 * worker.parallelism;
}

async function* inOrder<Job, Result>(
  jobs: Source<Job>,
  windowJobs: number,
  work: (job: Job) => Promise<Result>,
): AsyncGenerator<BulkResult<Result>> {
  const underWay: Promise<BulkResult<Result>>[] = [];
  for await (const job of jobs) {
    const settled = settle(work(job));
    settled.catch(() => {}); // seen when its turn comes; until then it is nobody's unhandled rejection
    underWay.push(settled);
    if (underWay.length >= windowJobs) yield await (underWay.shift() as Promise<BulkResult<Result>>);
  }
  for (const settled of underWay) yield await settled;
}

async function settle<Result>(work: Promise<Result>): Promise<BulkResult<Result>> {
  try {
    return { ok: true, result: await work };
  } catch (error) {
    if (error instanceof VaultError && error.code !== 'closed') return { ok: false, error };
    throw error;
  }
}
