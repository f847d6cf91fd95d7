/**
 * A connection that carries whole frames, as a port: WebSocket in the world (base/system), a memory pair in simulations.
 */
import { CodedError } from './errors.ts';
import { BoundedQueue } from './queue.ts';

export type SocketErrorCode = 'closed';

export class SocketError extends CodedError<SocketErrorCode> {}

export interface FrameSocket {
  /**
   * Hands a frame over; resolves when the socket would take more (back-pressure). Rejects with SocketError once the socket
   * is closed. The bytes must not be changed afterwards.
   */
  send(frame: Uint8Array): Promise<void>;
  /** Bytes handed over that have not left yet: what a slow reader is judged by. */
  readonly bufferedBytes: number;
  /** Frames of the other end, in order; ends when either side has closed. One consumer, which may stop and go on. */
  readonly incoming: AsyncIterable<Uint8Array>;
  /** Idempotent. Codes are those of RFC 6455, 4000-4999 our own. */
  close(code: number, reason: string): void;
  /** Cuts without a goodbye and forgets what is buffered. */
  terminate(): void;
  /** Resolves when the connection has ended, however it ended. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/**
 * All outbound connections go through one Dialer: it resolves the name, checks the address against policy, connects to
 * that very address, and checks redirects again (design, Parts).
 */
export interface Dialer {
  /** Connects to a `ws:` or `wss:` URL. Throws DialError. */
  dial(url: string, signal: AbortSignal): Promise<FrameSocket>;
}

const QUEUE_FRAMES = 4096;

class MemorySocket implements FrameSocket {
  readonly #incoming = new BoundedQueue<Uint8Array>(QUEUE_FRAMES);
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  #ended = false;
  #resolveClosed: (end: { code: number; reason: string }) => void = () => {};
  other: MemorySocket | undefined;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get incoming(): AsyncIterable<Uint8Array> {
    return this.#incoming;
  }

  get bufferedBytes(): number {
    return 0;
  }

  async send(frame: Uint8Array): Promise<void> {
    if (this.#ended) throw new SocketError('closed', 'the socket is closed', { retry: 'later' });
    const other = this.other as MemorySocket;
    while (!other.#incoming.push(frame)) {
      await other.#incoming.whenRoom();
      if (this.#ended) throw new SocketError('closed', 'the socket is closed', { retry: 'later' });
    }
  }

  close(code: number, reason: string): void {
    this.#end(code, reason);
    if (this.other !== undefined) this.other.#end(code, reason);
  }

  terminate(): void {
    this.close(1006, '');
  }

  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#incoming.close();
    this.#resolveClosed({ code, reason });
  }
}

/** Two ends of one connection in memory. */
export function createMemorySocketPair(): readonly [FrameSocket, FrameSocket] {
  const [a, b] = [new MemorySocket(), new MemorySocket()];
  a.other = b;
  b.other = a;
  return [a, b];
}
