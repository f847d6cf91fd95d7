/**
 * One listening socket, local or on a port, for both ways to speak to the hub: a connection that begins with a byte of zero
 * has a frame's length before it, any other is HTTP. Who has not proven who they are counts as a stranger; of strangers
 * there are only so many, and each has only so long.
 */
import { chmod, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../../base/index.ts';
import { HubError } from '../hub-error.ts';
import { HEAD_BYTES_MAX, HEAD_TIMEOUT_MS } from './limits.ts';
import type { StrangerList } from './stranger-list.ts';

export type ListenAt =
  | { readonly path: string; readonly mode: number }
  | {
      readonly host: string;
      readonly port: number;
      readonly tls?: { readonly certFile: string; readonly keyFile: string };
    };

/** Where a connection comes from. */
export interface Origin {
  readonly door: 'socket' | 'port';
  readonly remote: string;
}

export interface Conversations {
  readonly onFrames: (socket: Socket, origin: Origin, known: () => void) => void;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse, origin: Origin) => void;
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Uint8Array, origin: Origin) => void;
}

/** The first byte of a frame's length: no frame is as long as 16 MiB. */
const FRAME_BEGINS = 0;

export class Listener implements AsyncDisposable {
  readonly #at: ListenAt;
  readonly #server: Server;
  /** Also of those who have not finished their TLS handshake. */
  readonly #sockets = new Set<Socket>();
  #port = 0;

  private constructor(at: ListenAt, server: Server) {
    this.#at = at;
    this.#server = server;
  }

  /** Throws HubError `port_in_use`. */
  static async open(
    deps: { readonly log: Log; readonly strangers: StrangerList },
    at: ListenAt,
    talks: Conversations,
  ): Promise<Listener> {
    const listener = new Listener(at, await createHttpServer(at));
    listener.#serve(deps, talks);
    if ('path' in at) await rm(at.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', (cause: NodeJS.ErrnoException) => {
        const where = 'path' in at ? at.path : `port ${at.port} of ${at.host}`;
        const inUse = new HubError('port_in_use', `${where} is in use`, { cause, fix: 'Choose another.' });
        reject(cause.code === 'EADDRINUSE' ? inUse : cause);
      });
      const target = 'path' in at ? { path: at.path } : { host: at.host, port: at.port };
      listener.#server.listen({ ...target, backlog: 4_096 }, () => resolve());
    });
    if ('path' in at) await chmod(at.path, at.mode);
    else listener.#port = (listener.#server.address() as AddressInfo).port;
    return listener;
  }

  /** Also when it no longer listens; 0 for a path. */
  get port(): number {
    return this.#port;
  }

  /** No more connections; those that are here go on. A socket's file goes with it, at once: it may be another's later. */
  stopListening(): void {
    this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (!this.#server.listening) resolve();
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve({ log, strangers }: { readonly log: Log; readonly strangers: StrangerList }, talks: Conversations): void {
    const server = this.#server;
    const connected = 'tls' in this.#at && this.#at.tls !== undefined ? 'secureConnection' : 'connection';
    const originOf = (socket: Socket): Origin => ({
      door: 'path' in this.#at ? 'socket' : 'port',
      remote: socket.remoteAddress ?? 'local',
    });
    // What Node would do with a connection: it is HTTP. We look at its first byte before.
    const speakHttp = server.listeners(connected) as ((socket: Socket) => void)[];
    server.removeAllListeners(connected);
    for (const event of new Set(['connection', connected]))
      server.on(event, (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      });
    server.on(connected, (socket: Socket) => {
      socket.on('error', (error) => log.debug({ error }, 'a connection ended'));
      const known = strangers.admit(socket);
      socket.once('data', (chunk: Uint8Array) => {
        socket.pause();
        socket.unshift(chunk);
        if (chunk[0] === FRAME_BEGINS) {
          talks.onFrames(socket, originOf(socket), known);
          return;
        }
        // Node's own time-outs watch HTTP from here.
        known();
        for (const listen of speakHttp) listen.call(server, socket);
        socket.resume();
      });
    });
    server.on('request', (request, response) => talks.onRequest(request, response, originOf(request.socket)));
    server.on('upgrade', (request, socket, head) => talks.onUpgrade(request, socket, head, originOf(request.socket)));
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => answerGarbage(error, socket));
  }
}

async function createHttpServer(at: ListenAt): Promise<Server> {
  const options = {
    maxHeaderSize: HEAD_BYTES_MAX,
    headersTimeout: HEAD_TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
    // An upload takes as long as its line; the user server watches that it goes on.
    requestTimeout: 0,
  };
  if ('path' in at || at.tls === undefined) return createServer(options);
  const [cert, key] = await Promise.all([readFile(at.tls.certFile), readFile(at.tls.keyFile)]);
  return createSecureServer({ ...options, cert, key, handshakeTimeout: HEAD_TIMEOUT_MS });
}

function answerGarbage(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
