/**
 * A wire between processes that tests cut: passes TCP on to a port of this machine, or nothing, or not what begins with
 * certain words, such as the requests of one kind of peer.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Whatever it says, and before it has said anything. */
const EVERYBODY = /^/;
/** Enough of what somebody says first to know an HTTP request by its path. */
const FIRST_WORDS_BYTES = 200;

interface Wire {
  cut: RegExp | undefined;
}

export class CutProxy implements AsyncDisposable {
  readonly port: number;
  /** Bytes that passed since the beginning, or since a test has set them to 0. */
  readonly passed: { in: number; out: number };
  readonly #server: Server;
  /** Each with what was said first by whoever connected. */
  readonly #sockets: Map<Socket, { text: string }>;
  readonly #wire: Wire;

  private constructor(
    server: Server,
    sockets: Map<Socket, { text: string }>,
    wire: Wire,
    passed: { in: number; out: number },
  ) {
    this.passed = passed;
    this.#server = server;
    this.#sockets = sockets;
    this.#wire = wire;
    this.port = (server.address() as AddressInfo).port;
  }

  /** To whatever listens at `to` when somebody connects. */
  static async open(to: number): Promise<CutProxy> {
    const sockets = new Map<Socket, { text: string }>();
    const wire: Wire = { cut: undefined };
    const passed = { in: 0, out: 0 };
    const server = createServer((near) => {
      if (wire.cut === EVERYBODY) {
        near.destroy();
        return;
      }
      const far = connect(to, '127.0.0.1');
      const first = { text: '' };
      near.once('data', (data: Buffer) => {
        first.text = data.toString('latin1', 0, FIRST_WORDS_BYTES);
        if (wire.cut?.test(first.text) === true) near.destroy();
      });
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.set(socket, first);
        socket.on('error', () => socket.destroy()); // what ends one side ends the other
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
        const way = socket === near ? 'in' : 'out';
        socket.on('data', (data: Buffer) => {
          passed[way] += data.length;
        });
        socket.pipe(other);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    return new CutProxy(server, sockets, wire, passed);
  }

  /** All of it, or for those alone whose first words match. */
  cut(firstWords: RegExp = EVERYBODY): void {
    this.#wire.cut = firstWords;
    for (const [socket, { text }] of this.#sockets) if (firstWords.test(text)) socket.destroy();
  }

  mend(): void {
    this.#wire.cut = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
