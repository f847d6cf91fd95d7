/** A wire between processes that tests cut: passes TCP on to a port of this machine, or nothing. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class CutProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #wire: { isCut: boolean };

  private constructor(server: Server, sockets: Set<Socket>, wire: { isCut: boolean }) {
    this.#server = server;
    this.#sockets = sockets;
    this.#wire = wire;
    this.port = (server.address() as AddressInfo).port;
  }

  /** To whatever listens at `to` when somebody connects. */
  static async open(to: number): Promise<CutProxy> {
    const sockets = new Set<Socket>();
    const wire = { isCut: false };
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
        socket.pipe(other);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    return new CutProxy(server, sockets, wire);
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
