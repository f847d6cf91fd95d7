/**
 * A TCP connection as a transport of feeds. Pieces are as TCP cuts them. What came and is not consumed is bounded; a send
 * waits while the kernel takes no more.
 */
import type { Socket } from 'node:net';
import { type FrameSocket, SocketError } from '../../base/index.ts';
import { CLOSE_TIMEOUT_MS, RECEIVED_BYTES_MAX } from './limits.ts';

export class TcpTransport implements FrameSocket {
  readonly incoming: AsyncIterable<Uint8Array>;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #socket: Socket;
  #ended = false;
  #code = 1006;
  #reason = '';
  #received: Uint8Array[] = [];
  #receivedBytes = 0;
  #wakeReader: (() => void) | undefined;
  #wakeSenders: (() => void)[] = [];

  /** Takes over a connected socket, before anything of it was read. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#wake());
    // What went wrong is told by `closed`, which follows.
    socket.on('error', (error) => {
      this.#reason ||= error.message;
    });
    this.incoming = { [Symbol.asyncIterator]: () => this.#read() };
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#end();
        resolve({ code: this.#code, reason: this.#reason });
      });
    });
    socket.once('end', () => this.close(1000, ''));
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  async send(bytes: Uint8Array): Promise<void> {
    if (this.#ended) throw closedError();
    if (this.#socket.write(bytes)) return;
    await new Promise<void>((resolve) => this.#wakeSenders.push(resolve));
    if (this.#ended) throw closedError();
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    this.#code = code;
    this.#reason = reason;
    this.#end();
    this.#socket.end();
    // Whoever does not say goodbye in turn is cut.
    this.#socket.setTimeout(CLOSE_TIMEOUT_MS, () => this.#socket.destroy());
  }

  terminate(): void {
    this.#end();
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    this.#received.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes >= RECEIVED_BYTES_MAX) this.#socket.pause();
    this.#wakeReader?.();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      while (this.#received.length === 0 && !this.#ended)
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      const chunk = this.#received.shift();
      if (chunk === undefined) return;
      this.#receivedBytes -= chunk.length;
      if (this.#socket.isPaused() && this.#receivedBytes < RECEIVED_BYTES_MAX / 2) this.#socket.resume();
      yield chunk;
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.resume(); // to find the other end's goodbye
    this.#wakeReader?.();
    this.#wake();
  }

  #wake(): void {
    const senders = this.#wakeSenders;
    this.#wakeSenders = [];
    for (const wake of senders) wake();
  }
}

function closedError(): SocketError {
  return new SocketError('closed', 'the connection is closed', { retry: 'later' });
}
