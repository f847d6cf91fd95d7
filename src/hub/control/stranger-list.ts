/**
 * Connections that have not said who they are: only so many, each for only so long. When one more comes than may be, the
 * one that has been here longest goes, so that a flood ends itself and a person who only wants to log in comes through.
 */
import type { Duplex } from 'node:stream';
import { type Clock, isAbort, Scope } from '../../base/index.ts';

export interface StrangerLimits {
  readonly countMax: number;
  readonly timeoutMs: number;
}

export class StrangerList implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #limits: StrangerLimits;
  readonly #here = new Map<Duplex, number>();
  readonly #scope: Scope;
  #cutCount = 0;

  constructor(clock: Clock, limits: StrangerLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#scope = new Scope((_, error) => {
      throw error; // only sleeping and destroying happens there
    });
    this.#scope.spawn('strangers', (signal) => this.#sweep(signal));
  }

  get count(): number {
    return this.#here.size;
  }

  /** How many were sent away. */
  get cutCount(): number {
    return this.#cutCount;
  }

  /** What is returned is called when the other end is no stranger any more. */
  admit(stream: Duplex): () => void {
    this.#here.set(stream, this.#clock.monotonic());
    const leave = (): void => {
      this.#here.delete(stream);
      stream.off('close', leave);
    };
    stream.on('close', leave);
    if (this.#here.size > this.#limits.countMax) this.#cut(this.#here.keys().next().value as Duplex);
    return leave;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  #cut(stream: Duplex): void {
    this.#here.delete(stream);
    this.#cutCount++;
    stream.destroy();
  }

  // They are in the order in which they came.
  async #sweep(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#clock.sleep(this.#limits.timeoutMs / 10, signal);
      } catch (error) {
        if (isAbort(error, signal)) return;
        throw error;
      }
      const before = this.#clock.monotonic() - this.#limits.timeoutMs;
      for (const [stream, since] of this.#here) {
        if (since > before) break;
        this.#cut(stream);
      }
    }
  }
}
