/**
 * Stretches passwords, a few at a time: Argon2id takes tenths of a second of a thread that files are read by, too, and 64 MiB.
 * A bounded queue: a flood of logins is answered `busy`, not with memory.
 */
import type { CryptoSuite } from '../../base/index.ts';
import type { EnrolmentParameters } from '../../protocol/index.ts';
import { derivePasswordKeys } from '../../vault/index.ts';
import { HubError } from '../hub-error.ts';
import { STRETCHING_AT_ONCE_MAX, STRETCHING_QUEUE_MAX } from './limits.ts';

interface Job {
  readonly password: string;
  readonly parameters: EnrolmentParameters;
  readonly resolve: (key: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

export class Stretcher implements AsyncDisposable {
  readonly #suite: CryptoSuite;
  readonly #queue: Job[] = [];
  #running = 0;
  #isClosed = false;

  constructor(suite: CryptoSuite) {
    this.#suite = suite;
  }

  /** 32 bytes. Throws HubError `busy`, `closed`, `failed`. */
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
    for (const job of this.#queue.splice(0)) job.reject(new HubError('closed', 'the hub stops'));
  }

  #next(): void {
    if (this.#running >= STRETCHING_AT_ONCE_MAX) return;
    const job = this.#queue.shift();
    if (job === undefined) return;
    this.#running += 1;
    void derivePasswordKeys(this.#suite, job.password, job.parameters)
      .then(
        ({ vaultKey }) => job.resolve(vaultKey),
        (cause: Error) => job.reject(new HubError('failed', cause.message, { cause })),
      )
      .finally(() => {
        this.#running -= 1;
        this.#next();
      });
  }
}
