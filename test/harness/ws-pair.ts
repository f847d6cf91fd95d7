/** The two ends of one real WebSocket on loopback. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { WsSocket, wsOptions } from '../../src/base/system/index.ts';

export interface WsPair extends AsyncDisposable {
  /** The client's end. */
  readonly a: WsSocket;
  /** The server's end. */
  readonly b: WsSocket;
  /** The client's WebSocket under `a`: for what a FrameSocket never sends. */
  readonly rawA: WebSocket;
  readonly rawB: WebSocket;
}

export async function openWsPair(frameBytesMax = 4 * 1024 * 1024): Promise<WsPair> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...wsOptions(frameBytesMax) });
  await once(server, 'listening');
  const accepted = new Promise<{ b: WsSocket; rawB: WebSocket }>((resolve) => {
    server.once('connection', (socket, request) =>
      resolve({ b: WsSocket.adopt(socket, request.socket), rawB: socket }),
    );
  });
  const rawA = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, wsOptions(frameBytesMax));
  const a = await new Promise<WsSocket>((resolve, reject) => {
    rawA.once('error', reject);
    rawA.once('upgrade', (response) => rawA.once('open', () => resolve(WsSocket.adopt(rawA, response.socket))));
  });
  const { b, rawB } = await accepted;
  return {
    a,
    b,
    rawA,
    rawB,
    async [Symbol.asyncDispose]() {
      a.terminate();
      b.terminate();
      await Promise.all([a.closed, b.closed]);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
