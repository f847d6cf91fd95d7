/**
 * The owner of a live object's background work: no promise without one. Closing aborts the signal and waits for every
 * task; a task that fails (other than by that abort) is reported once, and the scope goes on.
 */
import { isAbort } from './errors.ts';

export class Scope implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  readonly #onTaskError: (name: string, error: unknown) => void;

  constructor(onTaskError: (name: string, error: unknown) => void) {
    this.#onTaskError = onTaskError;
  }

  /** Aborted when the scope closes. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  spawn(name: string, task: (signal: AbortSignal) => Promise<void>): void {
    if (this.signal.aborted) return;
    const run: Promise<void> = this.#run(name, task).then(() => {
      this.#tasks.delete(run);
    });
    this.#tasks.add(run);
  }

  async #run(name: string, task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await task(this.signal);
    } catch (error) {
      if (!isAbort(error, this.signal)) this.#onTaskError(name, error);
    }
  }

  /** Idempotent; resolves when all tasks have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.signal.aborted) this.#controller.abort(new DOMException('the scope is closed', 'AbortError'));
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
  }
}
