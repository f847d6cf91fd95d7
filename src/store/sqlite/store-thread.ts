/**
 * A worker thread that answers calls, and both ends of its line. Each call settles exactly once: with the thread's answer,
 * with its error, or as `failed` when the thread ends first, however it ends.
 */
import { type MessagePort, Worker, workerData } from 'node:worker_threads';
import { invariant } from '../../base/index.ts';
import { StoreError } from '../store-error.ts';
import { type ErrorMessage, errorMessageOf, storeErrorOf } from './engine-errors.ts';

/** The calls a kind of thread answers: name → request and reply, both fit for structured cloning. */
export type Calls = Record<string, { readonly request: object; readonly reply: object }>;

interface CallMessage {
  readonly id: number;
  readonly name: string;
  readonly request: object;
}

/** The last message to a thread. */
export const END = 'end';

/** What a thread has from its start. */
interface ThreadData {
  /** 1 once the thread is to end, which it sees also amid a call. */
  readonly ending: Int32Array;
}

type AnswerMessage =
  | { readonly id: number; readonly reply: object }
  | { readonly id: number; readonly error: ErrorMessage };

interface Waiting {
  readonly resolve: (reply: never) => void;
  readonly reject: (error: StoreError) => void;
}

/** The main end of a line, whoever answers at the other. */
export interface StoreLine<C extends Calls> {
  call<Name extends keyof C & string>(
    name: Name,
    request: C[Name]['request'],
    transfer?: readonly ArrayBuffer[],
  ): Promise<C[Name]['reply']>;
  end(): Promise<void>;
}

export class StoreThread<C extends Calls> implements StoreLine<C> {
  readonly #name: string;
  readonly #worker: Worker;
  readonly #ending = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #exited: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #lost: StoreError | undefined;

  constructor(name: string, url: URL) {
    this.#name = name;
    // Flags of the main program, such as -e, need not fit a thread.
    this.#worker = new Worker(url, {
      name: `restante-store-${name}`,
      execArgv: [],
      workerData: { ending: this.#ending } satisfies ThreadData,
    });
    this.#worker.on('message', (answer: AnswerMessage) => this.#settle(answer));
    let cause: unknown;
    this.#worker.on('error', (error) => {
      cause = error;
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', (exitCode) => {
        this.#lose(exitCode, cause);
        resolve();
      });
    });
  }

  /** Buffers in `transfer` are the thread's afterwards. */
  call<Name extends keyof C & string>(
    name: Name,
    request: C[Name]['request'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<C[Name]['reply']> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const id = this.#nextId++;
    return new Promise<C[Name]['reply']>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, name, request } satisfies CallMessage, transfer);
    });
  }

  /**
   * Has the thread end after the call that it is at; those behind fail. Idempotent. Let it close what it has open first. Never
   * by `terminate`: SQLite's binding, torn down while it loads or works, aborts the whole process.
   */
  async end(): Promise<void> {
    Atomics.store(this.#ending, 0, 1);
    this.#worker.postMessage(END);
    await this.#exited;
  }

  #settle(answer: AnswerMessage): void {
    const waiting = this.#waiting.get(answer.id);
    invariant(waiting !== undefined, 'a thread answers calls only, and each once');
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting.reject(storeErrorOf(answer.error));
    else waiting.resolve(answer.reply as never);
  }

  #lose(exitCode: number, cause: unknown): void {
    const reason = cause instanceof Error ? `: ${cause.message}` : '';
    this.#lost = new StoreError('failed', `the store's ${this.#name} thread has ended${reason}`, {
      fix: 'Restart the program; what was acknowledged is on disk.',
      details: { exitCode },
      cause,
    });
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
    this.#waiting.clear();
  }
}

export interface Answer<Reply> {
  readonly reply: Reply;
  readonly transfer?: readonly ArrayBuffer[];
  /** Runs once the reply is on its way. */
  readonly afterwards?: () => void;
}

export type CallHandlers<C extends Calls> = {
  readonly [Name in keyof C]: (request: C[Name]['request']) => Answer<C[Name]['reply']>;
};

/**
 * The same calls without a thread: for a program that is itself a thread of little memory, and has nobody else to keep
 * waiting for the disk. What is asked and answered is cloned as between threads, so nobody sees another's buffers.
 */
export class InlineStoreLine<C extends Calls> implements StoreLine<C> {
  readonly #handlers: CallHandlers<C>;

  constructor(handlers: CallHandlers<C>) {
    this.#handlers = handlers;
  }

  async call<Name extends keyof C & string>(
    name: Name,
    request: C[Name]['request'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<C[Name]['reply']> {
    try {
      const {
        afterwards,
        reply,
        transfer: given = [],
      } = this.#handlers[name](structuredClone(request, { transfer: [...transfer] }));
      const answer = structuredClone(reply, { transfer: [...given] });
      afterwards?.();
      return answer;
    } catch (error) {
      throw storeErrorOf(errorMessageOf(error));
    }
  }

  async end(): Promise<void> {}
}

/** For the thread, between the steps of a long call. Throws `failed` once it is to end. */
export function throwIfEnding(): void {
  if (Atomics.load((workerData as ThreadData).ending, 0) !== 0)
    throw new StoreError('failed', 'the store was closed meanwhile', { retry: 'later' });
}

/** The thread's end of the line. */
export function serveCalls<C extends Calls>(port: MessagePort | null, handlers: CallHandlers<C>): void {
  invariant(port !== null, 'this file runs in a worker thread');
  port.on('message', (message: CallMessage | typeof END) => {
    if (message === END) {
      port.close();
      return;
    }
    const { id, name, request } = message;
    let answer: Answer<object>;
    try {
      throwIfEnding();
      answer = handlers[name as keyof C](request);
    } catch (error) {
      port.postMessage({ id, error: errorMessageOf(error) } satisfies AnswerMessage);
      return;
    }
    port.postMessage({ id, reply: answer.reply } satisfies AnswerMessage, answer.transfer ?? []);
    answer.afterwards?.();
  });
}
