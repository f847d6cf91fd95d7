/** Connects to `host:port`, as people name peers. One deadline covers resolving and connecting. */
import { connect } from 'node:net';
import { type Clock, DialError, withDeadline } from '../../base/index.ts';
import type { Transport, TransportDialer } from '../synchronizer/index.ts';
import { CONNECT_TIMEOUT_MS } from './limits.ts';
import { TcpTransport } from './tcp-transport.ts';

export class TcpDialer implements TransportDialer {
  readonly #clock: Clock;

  constructor(deps: { readonly clock: Clock }) {
    this.#clock = deps.clock;
  }

  dial(address: string, signal: AbortSignal): Promise<Transport> {
    const { host, port } = parsePeerAddress(address);
    const late = (): Error => new DialError('timeout', `${address} did not answer`, { retry: 'later' });
    return withDeadline(this.#clock, CONNECT_TIMEOUT_MS, signal, late, (attempt) => open(host, port, attempt));
  }
}

/** Of `host:port` or `[v6]:port`. Throws DialError `bad_url`. */
export function parsePeerAddress(address: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(address) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port >= 1 && port <= 65_535))
    throw new DialError('bad_url', `not a peer's address: ${JSON.stringify(address.slice(0, 100))}`, {
      fix: 'Write HOST:PORT.',
    });
  return { host, port };
}

function open(host: string, port: number, signal: AbortSignal): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const onError = (cause: Error): void => {
      signal.removeEventListener('abort', onAbort);
      reject(new DialError('unreachable', `${host}:${port}: ${cause.message}`, { retry: 'later', cause }));
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      const transport = new TcpTransport(socket);
      socket.off('error', onError);
      resolve(transport);
    });
  });
}
