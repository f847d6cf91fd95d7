/**
 * Asks a person's home whether a password is theirs, before anything is started or made for them here: whoever guesses costs
 * no process and leaves no folder. One thread does it for everybody, started when it is needed, ended when it no longer is.
 */
import type { Worker } from 'node:worker_threads';
import { abortable, type Clock, type Log } from '../../base/index.ts';
import { workerUrl } from '../../base/system/index.ts';
import { type Address, defaultNodeUrl } from '../../protocol/index.ts';
import { openThread, stopThread } from '../agents/agent-thread.ts';
import type { HomeAnswer, HomeQuestion } from '../agents/mail/home-check-worker.ts';
import { HubError, type HubErrorCode } from '../hub-error.ts';
import { HOME_CHECK_IDLE_MS } from './limits.ts';

export interface HomeCheck extends AsyncDisposable {
  /** Resolves when the home takes the password. Throws HubError `refused`, `home_unreachable`, `failed`, `closed`. */
  check(user: Address, password: string, signal: AbortSignal): Promise<void>;
}

export interface HomeCheckOptions {
  /** Every home is reached by this node; absent: as each home's name leads. */
  readonly nodeUrl: string | undefined;
  readonly allowPrivate: boolean;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ThreadedHomeCheck implements HomeCheck {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #options: HomeCheckOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #count = 0;
  #idle: AbortController | undefined;
  #isClosed = false;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }, options: HomeCheckOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#options = options;
  }

  async check(address: Address, password: string, signal: AbortSignal): Promise<void> {
    if (this.#isClosed) throw new HubError('closed', 'the hub stops', { retry: 'later' });
    this.#idle?.abort();
    const { allowPrivate, nodeUrl = defaultNodeUrl(address) } = this.#options;
    const worker = (this.#worker ??= this.#start());
    const id = ++this.#count;
    const answered = new Promise<void>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    worker.postMessage({ id, address, password, nodeUrl, allowPrivate } satisfies HomeQuestion);
    try {
      await abortable(answered, signal);
    } finally {
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#endLater();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#idle?.abort();
    this.#failAll(new HubError('closed', 'the hub stops', { retry: 'later' }));
    if (this.#worker !== undefined) await stopThread(this.#clock, this.#worker);
  }

  #start(): Worker {
    const url = workerUrl('../agents/mail/home-check-worker.ts', import.meta.url);
    const worker = openThread(this.#log, { name: 'home-check', url });
    worker.unref();
    worker.on('message', (answer: HomeAnswer) => this.#settle(answer));
    worker.on('error', (cause) => this.#failAll(new HubError('failed', 'a home could not be asked', { cause })));
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#failAll(new HubError('failed', 'a home could not be asked'));
    });
    return worker;
  }

  #settle(answer: HomeAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (answer.status === 'right') waiting?.resolve();
    else if (answer.status === 'refused')
      waiting?.reject(new HubError(answer.code as HubErrorCode, answer.message, { retry: 'later' }));
  }

  #failAll(error: HubError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
  }

  #endLater(): void {
    const idle = new AbortController();
    this.#idle = idle;
    this.#clock.sleep(HOME_CHECK_IDLE_MS, idle.signal).then(
      () => {
        const worker = this.#worker;
        this.#worker = undefined;
        if (worker !== undefined) void stopThread(this.#clock, worker);
      },
      () => undefined, // somebody asks again, or the hub stops
    );
  }
}
