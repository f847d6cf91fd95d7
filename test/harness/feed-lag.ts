/** Links between nodes over which blocks come late, and everything else at once. */
import type { FrameSocket } from '../../src/base/index.ts';

/** The first byte of a frame that carries the synchronizer's bytes. */
const FEEDS = 0;

export class FeedLag {
  readonly #held: (() => Promise<void>)[] = [];
  #isHolding = false;

  begin(): void {
    this.#isHolding = true;
  }

  /** What was held passes in its order. */
  async end(): Promise<void> {
    this.#isHolding = false;
    for (const send of this.#held.splice(0)) await send();
  }

  through(socket: FrameSocket): FrameSocket {
    const send = async (frame: Uint8Array): Promise<void> => {
      if (!this.#isHolding || frame[0] !== FEEDS) return socket.send(frame);
      this.#held.push(() => socket.send(frame));
    };
    return new Proxy(socket, {
      get: (target, name) => {
        if (name === 'send') return send;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}
