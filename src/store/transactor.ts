/**
 * Runs transactions one after the other, and commits them in groups.
 *
 * - The next transaction starts when the callback of the one before has returned, not when its writes are durable: it sees
 *   them in an overlay. All that finish while a commit is in flight share the next one, and each row is written once.
 * - A commit that fails takes with it every transaction that may have seen its writes: those of its group, those that wait
 *   for theirs, and the one that runs, which is let come to its end first. Their rollback tasks run, latest first, then
 *   their promises reject, and the transactions after them start from what is durable.
 * - A transaction that wrote nothing, or that threw, waits all the same for what it may have seen: a refusal that rests on
 *   a row is told when that row is durable, so that whoever is refused finds the row when it looks.
 */
import type { Engine } from './engine.ts';
import { PENDING_BYTES_MAX } from './limits.ts';
import { OverlayTransaction } from './overlay-transaction.ts';
import type { StoreTransaction } from './store.ts';
import { StoreError } from './store-error.ts';
import { WriteSet } from './write-set.ts';

/** A transaction whose callback has come to its end. */
interface Finished {
  readonly commitTasks: readonly (() => void)[];
  readonly rollbackTasks: readonly (() => void)[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Group {
  writes: WriteSet;
  readonly finished: Finished[];
}

export class Transactor {
  readonly #engine: Engine;
  /** Transactions that have not started. */
  #waiting: (() => Promise<void>)[] = [];
  #runner: Promise<void> | undefined;
  #running: OverlayTransaction | undefined;
  #pending = newGroup();
  #inFlight: Group | undefined;
  #committer: Promise<void> | undefined;
  #onPendingSent: (() => void) | undefined;
  /** Commits that failed while a transaction ran: settled when that one has come to its end. */
  #failed: { readonly finished: readonly Finished[]; readonly error: StoreError } | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  transact<Result>(work: (transaction: StoreTransaction) => Promise<Result> | Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => this.#run(work, resolve, reject));
      this.#runner ??= this.#runAll();
    });
  }

  /** Resolves when every transaction handed over has settled. */
  async drain(): Promise<void> {
    while (this.#runner !== undefined || this.#committer !== undefined) {
      await this.#runner;
      await this.#committer;
    }
  }

  async #runAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      for (const run of batch) {
        while (this.#pending.writes.sizeBytes > PENDING_BYTES_MAX) await this.#pendingSent();
        await run();
      }
    }
    this.#runner = undefined;
  }

  /** Resolves when what is pending has become a commit. */
  #pendingSent(): Promise<void> {
    return new Promise((resolve) => {
      this.#onPendingSent = resolve;
    });
  }

  /** Never rejects. */
  async #run<Result>(
    work: (transaction: StoreTransaction) => Promise<Result> | Result,
    resolve: (result: Result) => void,
    reject: (error: unknown) => void,
  ): Promise<void> {
    const below = this.#inFlight === undefined ? [this.#pending.writes] : [this.#pending.writes, this.#inFlight.writes];
    const transaction = new OverlayTransaction(this.#engine, below);
    this.#running = transaction;
    try {
      const result = await work(transaction);
      transaction.end();
      if (transaction.failure !== undefined) throw transaction.failure;
      const { writes, commitTasks, rollbackTasks } = transaction;
      this.#finish(writes, { commitTasks, rollbackTasks, resolve: () => resolve(result), reject });
    } catch (error) {
      transaction.end();
      const reason = rolledBack(transaction.rollbackTasks.toReversed(), error);
      this.#finish(new WriteSet(), { commitTasks: [], rollbackTasks: [], resolve: () => reject(reason), reject });
    }
    this.#running = undefined;
    this.#settleFailed();
  }

  #finish(writes: WriteSet, finished: Finished): void {
    if (writes.isEmpty && this.#pending.finished.length === 0 && this.#inFlight === undefined) {
      succeed(finished);
      return;
    }
    if (this.#pending.writes.isEmpty) this.#pending.writes = writes;
    else this.#pending.writes.absorb(writes);
    this.#pending.finished.push(finished);
    this.#committer ??= this.#commitAll();
  }

  /** Never rejects. */
  async #commitAll(): Promise<void> {
    while (this.#pending.finished.length > 0) {
      await this.#engine.turn();
      const group = this.#pending;
      this.#pending = newGroup();
      this.#inFlight = group;
      this.#onPendingSent?.();
      try {
        if (!group.writes.isEmpty) await this.#engine.commit(group.writes);
      } catch (error) {
        this.#fail(group, error);
        continue;
      }
      this.#inFlight = undefined;
      for (const finished of group.finished) succeed(finished);
    }
    this.#committer = undefined;
  }

  #fail(group: Group, cause: unknown): void {
    const error =
      cause instanceof StoreError ? cause : new StoreError('failed', 'the commit failed', { cause, retry: 'later' });
    const finished = [...group.finished, ...this.#pending.finished];
    this.#inFlight = undefined;
    this.#pending = newGroup();
    this.#onPendingSent?.();
    this.#failed = { finished, error };
    if (this.#running === undefined) this.#settleFailed();
    else this.#running.fail(error);
  }

  #settleFailed(): void {
    if (this.#failed === undefined) return;
    const { finished, error } = this.#failed;
    this.#failed = undefined;
    dismiss(finished, error);
  }
}

function newGroup(): Group {
  return { writes: new WriteSet(), finished: [] };
}

function succeed({ commitTasks, resolve, reject }: Finished): void {
  const mistakes = runTasks(commitTasks);
  if (mistakes.length === 0) resolve();
  else reject(new Error('invariant broken: an onCommit task threw', { cause: mistakes[0] }));
}

/** All rollback tasks, the latest first, then all rejections in the order of the transactions. */
function dismiss(finished: readonly Finished[], error: unknown): void {
  const reason = rolledBack(finished.flatMap(({ rollbackTasks }) => rollbackTasks).reverse(), error);
  for (const { reject } of finished) reject(reason);
}

/** Runs rollback tasks; the reason to reject with. */
function rolledBack(tasks: readonly (() => void)[], error: unknown): unknown {
  const mistakes = runTasks(tasks);
  if (mistakes.length === 0) return error;
  // The state in memory is wrong now, which is worse than the failure itself: say that.
  return new Error('invariant broken: an onRollback task threw', { cause: mistakes[0] });
}

/** Runs all of them; what they threw. */
function runTasks(tasks: readonly (() => void)[]): readonly unknown[] {
  const thrown: unknown[] = [];
  for (const task of tasks) {
    try {
      task();
    } catch (error) {
      thrown.push(error);
    }
  }
  return thrown;
}
