/**
 * Ed25519 on threads of its own, so that the thread that reads and writes need not stand still for fifty microseconds a
 * message. What is asked for in one turn of the event loop shares a batch; a batch goes out when a thread has room, so
 * batches grow with the load. A few signatures with nothing under way are verified where they are asked for: a thread's turn
 * would cost more. Threads start with the first batch, and again after one died; what that one had fails.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { CryptoSuite } from '../crypto-suite.ts';
import { invariant } from '../errors.ts';
import type { SignatureChecker, SignedBytes } from '../signature-checker.ts';
import {
  SIGNATURE_BATCH_BYTES,
  SIGNATURE_BATCH_MAX,
  SIGNATURE_BATCHES_IN_FLIGHT,
  SIGNATURE_THREADS_MAX,
  SIGNATURES_INLINE_MAX,
} from './limits.ts';
import { judgeBatch, SignatureBatch } from './signature-batch.ts';
import type { BatchMessage } from './signature-worker.ts';
import { workerUrl } from './worker-url.ts';

interface Asked {
  readonly verdicts: boolean[];
  /** Signatures without a verdict yet. */
  left: number;
  readonly resolve: (verdicts: readonly boolean[]) => void;
  readonly reject: (error: Error) => void;
}

interface Batch {
  readonly packed: SignatureBatch;
  /** For each signature, whose it is and which. */
  readonly places: { readonly asked: Asked; readonly at: number }[];
  outcome: Uint8Array | Error | undefined;
}

interface Thread {
  readonly worker: Worker;
  readonly batches: Batch[];
}

export class ThreadedSignatureChecker implements SignatureChecker {
  readonly #suite: CryptoSuite;
  readonly #threads = new Set<Thread>();
  /** Everything without an answer, in the order in which it was asked, which is the order of the answers. */
  readonly #unanswered: Batch[] = [];
  /** Of them, what no thread has yet. */
  readonly #waiting: Batch[] = [];
  /** Of batches that came back, to be used again. */
  readonly #buffers: ArrayBuffer[] = [];
  #isFlushDue = false;
  #whenAnswered: (() => void)[] = [];

  constructor(suite: CryptoSuite) {
    this.#suite = suite;
  }

  async check(signed: readonly SignedBytes[]): Promise<readonly boolean[]> {
    if (signed.length === 0) return [];
    return new Promise((resolve, reject) => {
      const asked: Asked = { verdicts: new Array<boolean>(signed.length), left: signed.length, resolve, reject };
      for (const [at, one] of signed.entries()) {
        const batch = this.#batchWithRoom();
        batch.packed.add(one);
        batch.places.push({ asked, at });
      }
      if (this.#isFlushDue) return;
      this.#isFlushDue = true;
      setImmediate(() => this.#flush());
    });
  }

  /** Waits for what was asked. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#unanswered.length > 0) await new Promise<void>((resolve) => this.#whenAnswered.push(resolve));
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()));
  }

  #batchWithRoom(): Batch {
    const last = this.#waiting.at(-1);
    const isFull = last === undefined || last.places.length >= SIGNATURE_BATCH_MAX;
    if (!isFull && last.packed.sizeBytes < SIGNATURE_BATCH_BYTES) return last;
    const buffer = this.#buffers.pop() ?? new ArrayBuffer(SIGNATURE_BATCH_BYTES);
    const batch: Batch = { packed: new SignatureBatch(buffer), places: [], outcome: undefined };
    this.#unanswered.push(batch);
    this.#waiting.push(batch);
    return batch;
  }

  #flush(): void {
    this.#isFlushDue = false;
    const [only] = this.#waiting;
    const isAlone = this.#unanswered.length === 1;
    if (only !== undefined && isAlone && only.places.length <= SIGNATURES_INLINE_MAX) {
      this.#waiting.shift();
      judgeBatch(this.#suite, only.packed.buffer, only.places.length);
      this.#answer(only, new Uint8Array(only.packed.buffer));
    } else this.#send();
  }

  /** Hands batches to the threads that have room, the idlest first. */
  #send(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#threadWithRoom();
      if (thread === undefined) return;
      const batch = this.#waiting.shift() as Batch;
      const { buffer } = batch.packed;
      thread.batches.push(batch);
      thread.worker.postMessage({ buffer, count: batch.places.length } satisfies BatchMessage, [buffer]);
    }
  }

  #threadWithRoom(): Thread | undefined {
    const [idlest] = [...this.#threads].sort((a, b) => a.batches.length - b.batches.length);
    if (idlest?.batches.length === 0) return idlest;
    if (this.#threads.size < Math.min(SIGNATURE_THREADS_MAX, Math.max(1, availableParallelism() - 1)))
      return this.#startThread();
    return idlest !== undefined && idlest.batches.length < SIGNATURE_BATCHES_IN_FLIGHT ? idlest : undefined;
  }

  #startThread(): Thread {
    const url = workerUrl('./signature-worker.ts', import.meta.url);
    // Flags of the main program, such as -e, need not fit a thread.
    const thread: Thread = { worker: new Worker(url, { name: 'restante-signatures', execArgv: [] }), batches: [] };
    let cause: unknown;
    thread.worker.on('message', (buffer: ArrayBuffer) => this.#receive(thread, buffer));
    thread.worker.on('error', (error) => {
      cause = error;
    });
    thread.worker.on('exit', () => this.#lose(thread, cause));
    this.#threads.add(thread);
    return thread;
  }

  #receive(thread: Thread, buffer: ArrayBuffer): void {
    const batch = thread.batches.shift();
    invariant(batch !== undefined, 'a thread answers batches only, and each once');
    this.#send();
    this.#answer(batch, new Uint8Array(buffer));
  }

  #lose(thread: Thread, cause: unknown): void {
    this.#threads.delete(thread);
    for (const batch of thread.batches)
      this.#answer(batch, new Error('a thread that verifies signatures has ended', { cause }));
    this.#send();
  }

  #answer(batch: Batch, outcome: Uint8Array | Error): void {
    batch.outcome = outcome;
    for (let first = this.#unanswered[0]; first?.outcome !== undefined; first = this.#unanswered[0]) {
      this.#unanswered.shift();
      this.#tell(first, first.outcome);
    }
    if (this.#unanswered.length === 0) for (const resolve of this.#whenAnswered.splice(0)) resolve();
  }

  #tell({ places }: Batch, outcome: Uint8Array | Error): void {
    for (const [i, { asked, at }] of places.entries()) {
      if (outcome instanceof Error) asked.reject(outcome);
      else {
        asked.verdicts[at] = outcome[i] === 1;
        asked.left -= 1;
        if (asked.left === 0) asked.resolve(asked.verdicts);
      }
    }
    const isKept = !(outcome instanceof Error) && outcome.byteLength === SIGNATURE_BATCH_BYTES;
    if (isKept && this.#buffers.length < SIGNATURE_BATCHES_IN_FLIGHT * SIGNATURE_THREADS_MAX)
      this.#buffers.push(outcome.buffer as ArrayBuffer);
  }
}
