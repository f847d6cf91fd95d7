/**
 * What those who have not authenticated may make this node hold, together: the bytes that each has sent since it connected
 * are counted as they come, before anybody collects them to a frame. When all of them are too many, whoever sent the most
 * is cut, so that a flood ends itself and a person who only wants to sign in is not its victim.
 */
import type { Duplex } from 'node:stream';

interface Stranger {
  bytes: number;
  readonly cut: () => void;
  readonly leave: () => void;
}

export class Strangers {
  readonly #bytesMax: number;
  readonly #here = new Set<Stranger>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Of all of them now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Watches the stream from now on, beside whoever reads it. `cut` must end the connection and let go of what it holds.
   * What is returned is called when the other end has authenticated; a stream that closes is forgotten by itself.
   */
  admit(stream: Duplex, cut: () => void): () => void {
    const count = (chunk: Uint8Array): void => {
      stranger.bytes += chunk.length;
      this.#bytes += chunk.length;
      while (this.#bytes > this.#bytesMax) this.#cutGreatest();
    };
    const leave = (): void => {
      stream.off('data', count);
      stream.off('close', leave);
      if (this.#here.delete(stranger)) this.#bytes -= stranger.bytes;
    };
    const stranger: Stranger = { bytes: 0, cut, leave };
    this.#here.add(stranger);
    stream.on('data', count);
    stream.on('close', leave);
    return leave;
  }

  #cutGreatest(): void {
    let greatest: Stranger | undefined;
    for (const stranger of this.#here) if (stranger.bytes > (greatest?.bytes ?? -1)) greatest = stranger;
    greatest?.leave();
    greatest?.cut();
  }
}
