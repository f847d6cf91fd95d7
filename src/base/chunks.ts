/** Bytes that come in pieces of any length, as chunks of one length; the last one is what is left. */
export class Chunks {
  readonly #chunk: Uint8Array;
  #filled = 0;

  /** `chunkBytes`: at least 1, unless nothing comes. */
  constructor(chunkBytes: number) {
    this.#chunk = new Uint8Array(chunkBytes);
  }

  /** What is full with this piece. Each is valid until the next is asked for: they share their memory. */
  *add(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
    for (let at = 0; at < piece.length; ) {
      const taken = piece.subarray(at, at + this.#chunk.length - this.#filled);
      this.#chunk.set(taken, this.#filled);
      this.#filled += taken.length;
      at += taken.length;
      if (this.#filled < this.#chunk.length) continue;
      yield this.#chunk;
      this.#filled = 0;
    }
  }

  /** When all has come; empty where nothing is left over. */
  get rest(): Uint8Array {
    return this.#chunk.subarray(0, this.#filled);
  }
}
