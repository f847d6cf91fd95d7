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
