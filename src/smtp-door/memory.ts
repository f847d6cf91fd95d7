/** The memory that messages take together until they are encrypted and on disk. */

/** Of one message. */
export interface Room extends Disposable {
  /** False: there is no more. */
  take(bytes: number): boolean;
  /** Gives back everything; it may be taken again. */
  leave(): void;
}

export class Memory {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  open(): Room {
    let held = 0;
    const take = (bytes: number): boolean => {
      if (this.#bytes + bytes > this.#bytesMax) return false;
      held += bytes;
      this.#bytes += bytes;
      return true;
    };
    const leave = (): void => {
      this.#bytes -= held;
      held = 0;
    };
    return { take, leave, [Symbol.dispose]: leave };
  }
}
