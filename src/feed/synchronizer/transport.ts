/**
 * What a peer is reached by, as a port: a stream of bytes in both directions, whose pieces mean nothing. Every FrameSocket
 * is one (WebSocket, memory pair); `TcpTransport` is in feed/node.
 */
import type { FrameSocket } from '../../base/index.ts';

export type Transport = FrameSocket;

/** Connects to an address as a discovery names it. Rejects when nobody answers, or `signal` is aborted. */
export interface TransportDialer {
  dial(address: string, signal: AbortSignal): Promise<Transport>;
}
