/** A wire between processes that tests cut: passes TCP on to a port of this machine, or nothing. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class CutProxy implements AsyncDisposable {
  readonly port: number;
  /** Bytes that passed since the beginning, or since a test has set them to 0. */
  readonly passed: { in: number; out: number };
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #wire: { isCut: boolean };

  private constructor(
    server: Server,
    sockets: Set<Socket>,
    wire: { isCut: boolean },
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
    const sockets = new Set<Socket>();
    const wire = { isCut: false };
    const passed = { in: 0, out: 0 };
    const server = createServer((near) => {
      if (wire.isCut) {
        near.destroy();
        return;
      }
      const far = connect(to, '127.0.0.1');
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
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

  cut(): void {
    this.#wire.isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#wire.isCut = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
