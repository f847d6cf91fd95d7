/** A wire between real programs and a real node that changes the node's frames: a WebSocket server before the node. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { decodeNodeMessage, encodeNodeMessage } from '../../src/protocol/index.ts';
import type { Tamper } from './client-world.ts';

export class CheatingWire implements AsyncDisposable {
  tamper: Tamper = (message) => message;
  /** Of the node behind it; set before anybody connects. */
  nodeUrl = '';
  readonly #server: WebSocketServer;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (near) => this.#join(near));
  }

  static async open(): Promise<CheatingWire> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new CheatingWire(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #join(near: WebSocket): void {
    const far = new WebSocket(this.nodeUrl);
    const early: Buffer[] = [];
    near.on('message', (frame: Buffer) => (far.readyState === WebSocket.OPEN ? far.send(frame) : early.push(frame)));
    far.on('open', () => {
      for (const frame of early.splice(0)) far.send(frame);
    });
    far.on('message', (frame: Buffer) => {
      const changed = this.tamper(decodeNodeMessage(new Uint8Array(frame)));
      if (changed !== undefined) near.send(encodeNodeMessage(changed));
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('close', () => other.close());
      one.on('error', () => other.terminate());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
