/**
 * A byte stream between two ends over a line with a speed, a latency, pieces that must be sent again, and cuts. Time is the
 * clock's, chance the seed's. A lost piece is what TCP makes of one: everything behind it comes later.
 */
import { BoundedQueue, type Clock, type FrameSocket, type Prng, SocketError } from '../base/index.ts';

export interface LinkDeps {
  readonly clock: Clock;
  readonly prng: Prng;
}

export interface LinkOptions {
  readonly latencyMs: number;
  /** Each way. */
  readonly bytesPerSecond: number;
  /** Of each piece, to be lost once. */
  readonly loss: number;
  /** The connection ends when so many bytes went either way; Infinity: never. */
  readonly cutAfterBytes: number;
}

const RESEND_MS = 200;
const BUFFERED_BYTES = 64 * 1024;
const PIECE_BYTES = 16 * 1024;
const PIECES = 1 << 20;

class SimulatedEnd implements FrameSocket {
  readonly #deps: LinkDeps;
  readonly #options: LinkOptions;
  readonly #incoming = new BoundedQueue<Uint8Array>(PIECES);
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  #resolveClosed: (end: { code: number; reason: string }) => void = () => {};
  #ended = false;
  #sentBytes = 0;
  bufferedBytes = 0;
  /** When the line is free again, and when what was sent last arrives. */
  #freeAt = 0;
  #arrivesAt = 0;
  other: SimulatedEnd | undefined;

  constructor(deps: LinkDeps, options: LinkOptions) {
    this.#deps = deps;
    this.#options = options;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get incoming(): AsyncIterable<Uint8Array> {
    return this.#incoming;
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      this.#assertOpen();
      const piece = bytes.slice(from, from + PIECE_BYTES);
      this.bufferedBytes += piece.length;
      void this.#carry(piece);
      if (this.bufferedBytes > BUFFERED_BYTES)
        await this.#deps.clock.sleep(this.#freeAt - this.#deps.clock.monotonic());
    }
    this.#assertOpen();
  }

  close(code: number, reason: string): void {
    this.end(code, reason);
    this.other?.end(code, reason);
  }

  terminate(): void {
    this.close(1006, '');
  }

  end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#incoming.close();
    this.#resolveClosed({ code, reason });
  }

  async #carry(piece: Uint8Array): Promise<void> {
    const { clock, prng } = this.#deps;
    const { bytesPerSecond, latencyMs, loss } = this.#options;
    const now = clock.monotonic();
    this.#freeAt = Math.max(now, this.#freeAt) + (piece.length * 1000) / bytesPerSecond;
    const resent = prng.next() < loss ? RESEND_MS : 0;
    this.#arrivesAt = Math.max(this.#arrivesAt, this.#freeAt + latencyMs + resent);
    await clock.sleep(this.#arrivesAt - now);
    this.bufferedBytes -= piece.length;
    this.#sentBytes += piece.length;
    if (!this.#ended) this.other?.arrive(piece);
    if (this.#sentBytes >= this.#options.cutAfterBytes) this.terminate();
  }

  arrive(piece: Uint8Array): void {
    this.#incoming.push(piece);
  }

  #assertOpen(): void {
    if (this.#ended) throw new SocketError('closed', 'the line is cut', { retry: 'later' });
  }
}

/** Both ends of one connection. */
export function createSimulatedLink(deps: LinkDeps, options: LinkOptions): readonly [FrameSocket, FrameSocket] {
  const [a, b] = [new SimulatedEnd(deps, options), new SimulatedEnd(deps, options)];
  a.other = b;
  b.other = a;
  return [a, b];
}
