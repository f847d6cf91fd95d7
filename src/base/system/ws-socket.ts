/**
 * A `ws` connection as a FrameSocket, for the dialer and for servers alike.
 *
 * - What is received and not yet consumed is bounded: beyond the bound the TCP socket is not read, so the other end waits.
 * - Frames sent in one turn of the event loop leave in one write.
 * - Binary only: a text message ends the connection with 1003. How large a frame may be is the WebSocket's own `maxPayload`.
 */
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { fromUtf8, utf8 } from '../bytes.ts';
import { type FrameSocket, SocketError } from '../frame-socket.ts';
import { letPass } from './garbage.ts';
import {
  CLOSE_REASON_BYTES_MAX,
  CLOSE_TIMEOUT_MS,
  INCOMING_BYTES_MAX,
  INCOMING_FRAMES_MAX,
  SEND_HIGH_WATER_BYTES,
  SEND_LOW_WATER_BYTES,
} from './limits.ts';

/** What every WebSocket of ours is opened with, at either end. No compression: bodies are ciphertext. */
export function wsOptions(frameBytesMax: number): {
  readonly perMessageDeflate: false;
  readonly maxPayload: number;
  readonly closeTimeout: number;
} {
  return { perMessageDeflate: false, maxPayload: frameBytesMax, closeTimeout: CLOSE_TIMEOUT_MS };
}

const BINARY = { binary: true } as const;

export class WsSocket implements FrameSocket {
  readonly incoming: AsyncIterable<Uint8Array>;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  readonly #frames: IncomingFrames;
  #ended = false;
  #corked = false;
  #wakeSenders: (() => void)[] = [];

  /**
   * Takes over an open WebSocket and the stream under it (`request.socket` of the server's `connection` event,
   * `response.socket` of the client's `upgrade` event). To be called within that event, or frames are lost.
   */
  static adopt(socket: WebSocket, stream: Duplex): WsSocket {
    return new WsSocket(socket, stream);
  }

  private constructor(socket: WebSocket, stream: Duplex) {
    this.#socket = socket;
    this.#stream = stream;
    this.#frames = new IncomingFrames(
      () => socket.pause(),
      () => socket.resume(),
    );
    this.incoming = this.#frames;
    let failure = '';
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    // What went wrong is told by `closed`: ws closes after every error.
    socket.on('error', (error) => {
      failure = error.message;
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        this.#end();
        resolve({ code, reason: reason.length > 0 ? reason.toString() : failure });
      });
    });
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  async send(frame: Uint8Array): Promise<void> {
    if (this.#ended) throw closedError();
    if (!this.#corked) {
      this.#corked = true;
      this.#stream.cork();
      process.nextTick(this.#uncork);
    }
    letPass(frame.length);
    this.#socket.send(frame, BINARY, this.#onSent);
    if (this.#socket.bufferedAmount < SEND_HIGH_WATER_BYTES) return;
    await new Promise<void>((resolve) => this.#wakeSenders.push(resolve));
    if (this.#ended) throw closedError();
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    this.#end();
    this.#socket.close(code, shorten(reason));
  }

  terminate(): void {
    this.#end();
    this.#socket.terminate();
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#stream.uncork();
  };

  // A failed write ends the connection, which `close` reports: only the room it leaves matters here.
  readonly #onSent = (): void => {
    if (this.#wakeSenders.length > 0 && this.#socket.bufferedAmount <= SEND_LOW_WATER_BYTES) this.#wake();
  };

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#ended) return;
    if (!isBinary) {
      this.close(1003, 'binary frames only');
      return;
    }
    // `nodebuffer`, ws's default, hands out one Buffer. Consumers get a plain byte array: Buffer's slice() differs.
    const buffer = data as Buffer;
    letPass(buffer.length);
    this.#frames.push(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length));
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#frames.close();
    this.#wake();
  }

  #wake(): void {
    const senders = this.#wakeSenders;
    this.#wakeSenders = [];
    for (const wake of senders) wake();
  }
}

/** Frames between the socket and their consumer; the socket rests while too many wait. */
class IncomingFrames implements AsyncIterable<Uint8Array> {
  readonly #pause: () => void;
  readonly #resume: () => void;
  #frames: Uint8Array[] = [];
  #bytes = 0;
  #paused = false;
  #closed = false;
  #wakeConsumer: (() => void) | undefined;

  constructor(pause: () => void, resume: () => void) {
    this.#pause = pause;
    this.#resume = resume;
  }

  push(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    if (!this.#paused && (this.#frames.length >= INCOMING_FRAMES_MAX || this.#bytes >= INCOMING_BYTES_MAX)) {
      this.#paused = true;
      this.#pause();
    }
    this.#wake();
  }

  /** What waits is still delivered. The socket is read on, so that it finds the other end's goodbye. */
  close(): void {
    this.#closed = true;
    this.#resume();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      while (this.#frames.length === 0 && !this.#closed)
        await new Promise<void>((resolve) => {
          this.#wakeConsumer = resolve;
        });
      const frames = this.#frames;
      if (frames.length === 0) return;
      this.#frames = [];
      this.#bytes = 0;
      if (this.#paused) {
        this.#paused = false;
        this.#resume();
      }
      let taken = 0;
      try {
        while (taken < frames.length) yield frames[taken++] as Uint8Array;
      } finally {
        if (taken < frames.length) this.#putBack(frames.slice(taken));
      }
    }
  }

  /** What a consumer that stopped in the middle leaves to the next. */
  #putBack(frames: readonly Uint8Array[]): void {
    this.#frames = [...frames, ...this.#frames];
    for (const frame of frames) this.#bytes += frame.length;
  }

  #wake(): void {
    this.#wakeConsumer?.();
    this.#wakeConsumer = undefined;
  }
}

function closedError(): SocketError {
  return new SocketError('closed', 'the socket is closed', { retry: 'later' });
}

function shorten(reason: string): string {
  const bytes = utf8(reason);
  if (bytes.length <= CLOSE_REASON_BYTES_MAX) return reason;
  let end = CLOSE_REASON_BYTES_MAX;
  while (((bytes[end] as number) & 0xc0) === 0x80) end--; // not within a character
  return fromUtf8(bytes.subarray(0, end));
}
