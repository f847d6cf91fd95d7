/** The memory that messages take together until they are encrypted and on disk, and how much of it one network may have. */
import type { Remote } from '../node/index.ts';

/** Of one message. */
export interface Room extends Disposable {
  /** False: there is no more. */
  take(bytes: number): boolean;
  /** Gives back everything; it may be taken again. */
  leave(): void;
}

export interface MemoryLimits {
  readonly bytesMax: number;
  readonly perRemoteMax: number;
}

export class Memory {
  readonly #limits: MemoryLimits;
  readonly #byRemote = new Map<string, number>();
  #bytes = 0;

  constructor(limits: MemoryLimits) {
    this.#limits = limits;
  }

  /** This machine, which relays for many, is not counted by itself. */
  open(remote: Remote): Room {
    let held = 0;
    const hold = (bytes: number): void => {
      held += bytes;
      this.#bytes += bytes;
      if (remote === undefined) return;
      const left = (this.#byRemote.get(remote) ?? 0) + bytes;
      if (left === 0) this.#byRemote.delete(remote);
      else this.#byRemote.set(remote, left);
    };
    const take = (bytes: number): boolean => {
      const theirs = remote === undefined ? 0 : (this.#byRemote.get(remote) ?? 0);
      if (this.#bytes + bytes > this.#limits.bytesMax || theirs + bytes > this.#limits.perRemoteMax) return false;
      hold(bytes);
      return true;
    };
    const leave = (): void => hold(-held);
    return { take, leave, [Symbol.dispose]: leave };
  }
}

/** Two memories, so that large messages, which come slowly, take nothing from small ones: what grows moves to the second. */
export class SortedMemory {
  readonly #small: Memory;
  readonly #large: Memory;
  readonly #largeFrom: number;

  /** A message beyond `largeFrom` is large. */
  constructor(small: MemoryLimits, large: MemoryLimits, largeFrom: number) {
    this.#small = new Memory(small);
    this.#large = new Memory(large);
    this.#largeFrom = largeFrom;
  }

  open(remote: Remote): Room {
    const [small, large] = [this.#small.open(remote), this.#large.open(remote)];
    let held = 0;
    const take = (bytes: number): boolean => {
      const isLarge = held + bytes > this.#largeFrom;
      const moves = isLarge && held <= this.#largeFrom;
      if (!(isLarge ? large.take(moves ? held + bytes : bytes) : small.take(bytes))) return false;
      if (moves) small.leave();
      held += bytes;
      return true;
    };
    const leave = (): void => {
      small.leave();
      large.leave();
      held = 0;
    };
    return { take, leave, [Symbol.dispose]: leave };
  }
}
