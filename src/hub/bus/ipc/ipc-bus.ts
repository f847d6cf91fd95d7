/** The bus of this host as another process sees it: one connection to the server's Unix socket. When it ends, so does all. */
import { connect, type Socket } from 'node:net';
import { type Clock, type Log, withDeadline } from '../../../base/index.ts';
import { FrameReader } from '../../framing.ts';
import { HubError } from '../../hub-error.ts';
import type { Bus, Place } from '../bus.ts';
import { CONNECT_TIMEOUT_MS, IPC_FRAME_BYTES_MAX } from '../limits.ts';
import { decodeIpcAnswer, encodeIpcFrame, type IpcAnswer, type IpcCall } from './ipc-frames.ts';

type Receive = (message: Uint8Array) => void;
type Done = Extract<IpcAnswer, { op: 'done' }>;

export class IpcBus implements Bus {
  readonly #socket: Socket;
  readonly #log: Log;
  readonly #closed = new AbortController();
  readonly #places = new Map<string, Receive>();
  readonly #topics = new Map<string, Set<Registration>>();
  readonly #waiting = new Map<
    number,
    { readonly resolve: (done: Done) => void; readonly reject: (e: Error) => void }
  >();
  #callCount = 0;

  private constructor(socket: Socket, log: Log) {
    this.#socket = socket;
    this.#log = log;
    const reader = new FrameReader(IPC_FRAME_BYTES_MAX);
    socket.on('data', (chunk) => {
      try {
        for (const frame of reader.push(chunk)) this.#hear(frame);
      } catch (error) {
        log.error({ error }, 'the bus said what is not understood');
        socket.destroy();
      }
    });
    socket.on('error', (error) => log.debug({ error }, 'the connection to the bus ended'));
    socket.once('close', () => this.#end());
  }

  /** Throws HubError `absent` when nobody listens there, `late`. */
  static async connect(deps: { readonly clock: Clock; readonly log: Log }, path: string): Promise<IpcBus> {
    const late = (): Error => new HubError('late', 'the bus did not answer in time', { retry: 'later' });
    const socket = await withDeadline(deps.clock, CONNECT_TIMEOUT_MS, new AbortController().signal, late, (signal) => {
      const attempt = connect(path);
      return new Promise<Socket>((resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason);
          if (attempt.connecting) attempt.destroy();
        });
        attempt.once('connect', () => resolve(attempt));
        attempt.once('error', (cause) => reject(new HubError('absent', 'no bus listens there', { cause })));
      });
    });
    return new IpcBus(socket, deps.log);
  }

  async join(name: string, receive: Receive): Promise<Place> {
    // Before the answer: a message may arrive together with it.
    if (this.#places.has(name)) throw new HubError('busy', 'the name is taken', { details: { name } });
    this.#places.set(name, receive);
    try {
      await this.#call({ op: 'join', name });
    } catch (error) {
      this.#places.delete(name);
      throw error;
    }
    const left = new AbortController();
    return {
      name,
      lost: AbortSignal.any([left.signal, this.#closed.signal]),
      [Symbol.asyncDispose]: async () => {
        if (left.signal.aborted || this.#closed.signal.aborted) return;
        left.abort();
        this.#places.delete(name);
        try {
          await this.#call({ op: 'leave', name });
        } catch (error) {
          if (!this.#closed.signal.aborted) throw error; // the connection has just ended, and gave the name back
        }
      },
    };
  }

  async send(to: string, message: Uint8Array): Promise<void> {
    await this.#call({ op: 'send', name: to }, message);
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    await this.#call({ op: 'publish', name: topic }, message);
  }

  async listen(topic: string, receive: Receive): Promise<AsyncDisposable> {
    const registration: Registration = { receive };
    const listeners = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, listeners.add(registration));
    if (listeners.size === 1) await this.#call({ op: 'listen', name: topic });
    return {
      [Symbol.asyncDispose]: async () => {
        if (!listeners.delete(registration) || listeners.size > 0 || this.#closed.signal.aborted) return;
        this.#topics.delete(topic);
        await this.#call({ op: 'unlisten', name: topic });
      },
    };
  }

  async isPresent(name: string): Promise<boolean> {
    return (await this.#call({ op: 'present', name })).isPresent === true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.end(() => this.#socket.destroy());
    await closed;
  }

  #call(call: WithoutId<IpcCall>, message?: Uint8Array): Promise<Done> {
    if (this.#closed.signal.aborted)
      return Promise.reject(new HubError('closed', 'the connection to the bus has ended'));
    const id = ++this.#callCount;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(encodeIpcFrame({ ...call, id }, message));
    });
  }

  #hear(frame: Uint8Array): void {
    const { header, message } = decodeIpcAnswer(frame);
    switch (header.op) {
      case 'deliver':
        this.#deliver(this.#places.get(header.name), message);
        return;
      case 'event':
        for (const { receive } of [...(this.#topics.get(header.name) ?? [])]) this.#deliver(receive, message);
        return;
      case 'done':
        this.#waiting.get(header.id)?.resolve(header);
        break;
      case 'failed':
        this.#waiting.get(header.id)?.reject(new HubError(header.code, `the bus refused: ${header.code}`));
        break;
    }
    this.#waiting.delete(header.id);
  }

  #deliver(receive: Receive | undefined, message: Uint8Array): void {
    try {
      receive?.(message);
    } catch (error) {
      this.#log.error({ error }, 'a receiver of the bus failed');
    }
  }

  #end(): void {
    this.#closed.abort();
    for (const { reject } of this.#waiting.values())
      reject(new HubError('closed', 'the connection to the bus has ended'));
    this.#waiting.clear();
  }
}

interface Registration {
  readonly receive: Receive;
}

type WithoutId<Call> = Call extends unknown ? Omit<Call, 'id'> : never;
