/**
 * The bus of one host: a `LocalBus` in the control server's process, and a Unix socket by which other processes take part.
 * Whoever may open the socket's file may take part; nobody is believed for it. What a connection held is given back when it
 * ends. A connection that says something else, or does not read, is cut.
 */
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../../../base/index.ts';
import { FrameReader } from '../../framing.ts';
import { HubError } from '../../hub-error.ts';
import type { Bus } from '../bus.ts';
import { IPC_BACKLOG_BYTES_MAX, IPC_FRAME_BYTES_MAX, IPC_NAMES_MAX } from '../limits.ts';
import { LocalBus } from '../local-bus.ts';
import { decodeIpcCall, encodeIpcFrame, type IpcAnswer, type IpcCall } from './ipc-frames.ts';

export class IpcBusServer implements AsyncDisposable {
  readonly #log: Log;
  readonly #server: Server = createServer();
  readonly #local: LocalBus;
  readonly #sockets = new Set<Socket>();

  private constructor(log: Log) {
    this.#log = log;
    this.#local = new LocalBus((error) => log.error({ error }, 'a receiver of the bus failed'));
  }

  static async open(log: Log, path: string): Promise<IpcBusServer> {
    const server = new IpcBusServer(log);
    await rm(path, { force: true });
    server.#server.on('connection', (socket) => server.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(path, () => resolve());
    });
    await chmod(path, 0o600);
    return server;
  }

  /** The bus for this process. */
  get bus(): Bus {
    return this.#local;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await this.#local[Symbol.asyncDispose]();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const reader = new FrameReader(IPC_FRAME_BYTES_MAX);
    const connection = new Connection(this.#local, socket);
    socket.on('error', (error) => this.#log.debug({ error }, 'a connection of the bus ended'));
    socket.once('close', () => {
      this.#sockets.delete(socket);
      connection.end().catch((error: unknown) => this.#log.error({ error }, 'a name was not given back'));
    });
    socket.on('data', (chunk) => {
      try {
        for (const frame of reader.push(chunk)) {
          const { header, message } = decodeIpcCall(frame);
          connection
            .perform(header, message)
            .catch((error: unknown) => this.#log.error({ error }, 'a call of the bus failed'));
        }
      } catch (error) {
        this.#log.warn({ error }, 'a connection of the bus was cut');
        socket.destroy();
      }
    });
  }
}

class Connection {
  readonly #bus: Bus;
  readonly #socket: Socket;
  readonly #held = new Map<string, AsyncDisposable>();

  constructor(bus: Bus, socket: Socket) {
    this.#bus = bus;
    this.#socket = socket;
  }

  async perform(call: IpcCall, message: Uint8Array): Promise<void> {
    try {
      const answer = await this.#act(call, message);
      this.#write({ op: 'done', id: call.id, ...answer });
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      const code =
        error.code === 'busy' || error.code === 'absent' || error.code === 'too_large' ? error.code : 'closed';
      this.#write({ op: 'failed', id: call.id, code });
    }
  }

  async end(): Promise<void> {
    for (const held of this.#held.values()) await held[Symbol.asyncDispose]();
    this.#held.clear();
  }

  async #act(call: IpcCall, message: Uint8Array): Promise<{ readonly isPresent?: boolean }> {
    const { name } = call;
    switch (call.op) {
      case 'join':
        await this.#hold(`name ${name}`, () =>
          this.#bus.join(name, (received) => this.#write({ op: 'deliver', name }, received)),
        );
        return {};
      case 'listen':
        await this.#hold(`topic ${name}`, () =>
          this.#bus.listen(name, (received) => this.#write({ op: 'event', name }, received)),
        );
        return {};
      case 'leave':
      case 'unlisten':
        await this.#release(`${call.op === 'leave' ? 'name' : 'topic'} ${name}`);
        return {};
      case 'send':
        await this.#bus.send(name, message);
        return {};
      case 'publish':
        await this.#bus.publish(name, message);
        return {};
      case 'present':
        return { isPresent: await this.#bus.isPresent(name) };
    }
  }

  async #hold(key: string, take: () => Promise<AsyncDisposable>): Promise<void> {
    if (this.#held.has(key) || this.#held.size >= IPC_NAMES_MAX) throw new HubError('busy', 'held already');
    const held = await take();
    // The connection may have ended meanwhile.
    if (this.#socket.destroyed) await held[Symbol.asyncDispose]();
    else this.#held.set(key, held);
  }

  async #release(key: string): Promise<void> {
    const held = this.#held.get(key);
    this.#held.delete(key);
    await held?.[Symbol.asyncDispose]();
  }

  #write(answer: IpcAnswer, message?: Uint8Array): void {
    if (this.#socket.destroyed) return;
    this.#socket.write(encodeIpcFrame(answer, message));
    if (this.#socket.writableLength > IPC_BACKLOG_BYTES_MAX) this.#socket.destroy();
  }
}
