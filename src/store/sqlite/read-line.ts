/** The main thread's line to the reader: all reads asked for in one turn share a message. */
import type { Scan, ScanResult } from '../engine.ts';
import { storeErrorOf } from './engine-errors.ts';
import { MESSAGE_BYTES_KEPT } from './limits.ts';
import { Packer, packReads, type Read, transferOf, Unpacker, unpackRows, unpackValues } from './packing.ts';
import type { ReadAnswers } from './reader.ts';
import type { ReaderCalls } from './reader-calls.ts';
import type { StoreLine } from './store-thread.ts';

interface Asked {
  readonly read: Read;
  /** Takes the answer out of the message. */
  readonly answer: (message: Unpacker) => void;
  readonly reject: (error: unknown) => void;
}

export class ReadLine {
  readonly #thread: StoreLine<ReaderCalls>;
  readonly #packer = new Packer(MESSAGE_BYTES_KEPT);
  #asked: Asked[] = [];
  /** Settles when all messages so far are answered. */
  #answered: Promise<unknown> = Promise.resolve();

  constructor(thread: StoreLine<ReaderCalls>) {
    this.#thread = thread;
  }

  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#ask({ kind: 'getMany', keys }, (message) => unpackValues(message, keys.length));
  }

  scan(scan: Scan): Promise<ScanResult> {
    return this.#ask({ kind: 'scan', scan }, unpackRows);
  }

  /** Resolves when every snapshot that a read holds now is given up. */
  async settled(): Promise<void> {
    await this.#answered;
  }

  #ask<Result>(read: Read, unpack: (message: Unpacker) => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#asked.length === 0) queueMicrotask(() => this.#send());
      this.#asked.push({ read, answer: (message) => resolve(unpack(message)), reject });
    });
  }

  #send(): void {
    const asked = this.#asked;
    this.#asked = [];
    const packed = packReads(
      this.#packer,
      asked.map(({ read }) => read),
    );
    const call = this.#thread.call('read', packed, transferOf(packed)).then(
      (answers) => distribute(asked, answers),
      (error) => {
        for (const { reject } of asked) reject(error);
      },
    );
    // Messages are answered in order: the last one's answer is the last answer.
    this.#answered = call;
  }
}

function distribute(asked: readonly Asked[], { answers, errors }: ReadAnswers): void {
  const message = new Unpacker(answers);
  let nextError = 0;
  for (const { answer, reject } of asked) {
    const error = message.number() === 1 ? undefined : errors[nextError++];
    if (error === undefined) answer(message);
    else reject(storeErrorOf(error));
  }
}
