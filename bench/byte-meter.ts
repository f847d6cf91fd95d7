/** WebSocket clients whose TCP payload is counted, both ways, WebSocket framing and upgrade included. */
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { FrameSocket } from '../src/base/index.ts';
import { WsSocket, wsOptions } from '../src/base/system/index.ts';
import { FRAME_BYTES_MAX } from '../src/protocol/index.ts';

export interface MeteredSocket {
  readonly socket: FrameSocket;
  /** Bytes received and sent so far. */
  readonly bytes: () => number;
}

export function dialMetered(url: string): Promise<MeteredSocket> {
  const raw = new WebSocket(url, wsOptions(FRAME_BYTES_MAX));
  return new Promise((resolve, reject) => {
    raw.once('error', reject);
    raw.once('upgrade', (response) =>
      raw.once('open', () => {
        const stream = response.socket as Socket;
        resolve({ socket: WsSocket.adopt(raw, stream), bytes: () => stream.bytesRead + stream.bytesWritten });
      }),
    );
  });
}
