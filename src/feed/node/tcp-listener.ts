/** Accepts peers over TCP. The wire authenticates nobody, so an operator who shares with some names their addresses. */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import type { Transport } from '../synchronizer/index.ts';
import { CONNECTIONS_MAX } from './limits.ts';
import { TcpTransport } from './tcp-transport.ts';

export interface TcpListenerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** IP addresses that are let in; undefined: all. */
  readonly allowed?: ReadonlySet<string>;
  readonly onPeer: (transport: Transport, address: string) => void;
}

export class TcpListener implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: TcpListenerOptions) {
    this.#server = createServer((socket) => this.#accept(socket, options));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Resolves when it listens. Rejects with the system's error when it cannot. */
  static async open(options: TcpListenerOptions): Promise<TcpListener> {
    const listener = new TcpListener(options);
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject);
      listener.#server.listen(options.port, options.host, () => {
        listener.#server.off('error', reject);
        resolve();
      });
    });
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening and cuts the connections that are left. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #accept(socket: Socket, { allowed, onPeer }: TcpListenerOptions): void {
    const address = plainAddress(socket.remoteAddress ?? '');
    if (allowed !== undefined && !allowed.has(address)) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    onPeer(new TcpTransport(socket), address);
  }
}

/** An IPv4 address that arrived over an IPv6 socket is the IPv4 address. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}
