/**
 * What a user server listens with: one Unix socket, on which only the control server speaks. Its headers say for which
 * session a request is; it has authenticated the person and taken away what others wrote under these names.
 */
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyInstance } from 'fastify';
import type { Log } from '../../base/index.ts';
import { type Caller, mountJmap, type Permission } from '../../jmap/index.ts';
import { parseSessionId, type SessionId } from '../component/ids.ts';
import { FramesConnection } from './frames-connection.ts';
import { mountImapRoutes } from './imap-routes.ts';
import { DIRECT_BYTES_MIN } from './limits.ts';
import { mountPersonRoutes } from './person-routes.ts';
import type { TicketAsker } from './ticket-asker.ts';
import type { UserServer } from './user-server.ts';

export interface HttpServerDeps {
  readonly log: Log;
  /** Throws HubError when it is not unlocked. */
  readonly user: () => UserServer;
  readonly tickets: TicketAsker;
}

/** Scopes of the hub as JMAP's permissions. */
const PERMISSIONS: Readonly<Record<string, Permission>> = { read: 'read', write: 'write', submit: 'send' };

export class HttpServer implements AsyncDisposable {
  readonly #deps: HttpServerDeps;
  readonly #fastify: FastifyInstance;
  readonly #username: string;
  readonly #connections = new Set<FramesConnection>();

  private constructor(deps: HttpServerDeps, server: FastifyInstance, username: string) {
    this.#deps = deps;
    this.#fastify = server;
    this.#username = username;
  }

  static async open(
    deps: HttpServerDeps,
    options: { readonly socketPath: string; readonly username: string },
  ): Promise<HttpServer> {
    const server = fastify({ logger: false, forceCloseConnections: true });
    const http = new HttpServer(deps, server, options.username);
    await http.#mount();
    server.server.on('upgrade', (request, socket, head) => http.#upgrade(request, socket, head));
    await rm(options.socketPath, { force: true });
    await server.listen({ path: options.socketPath });
    return http;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) await connection[Symbol.asyncDispose]();
    await this.#fastify.close();
  }

  async #mount(): Promise<void> {
    const { log, tickets, user } = this.#deps;
    this.#fastify.get('/healthz', async () => ({ ok: true }));
    this.#fastify.get('/status', async () => user().status);
    mountImapRoutes(this.#fastify, { log, user, callerOf: (request) => this.#callerOf(request) });
    mountPersonRoutes(this.#fastify, { log, user, scopesOf });
    await mountJmap(
      this.#fastify,
      {
        get jmap() {
          return user().jmap;
        },
        log,
        callerOf: (request) => this.#callerOf(request.raw),
        sendElsewhere: async ({ method, raw }, { range, ...blob }, signal) => {
          const session = sessionOf(raw);
          if (method !== 'GET' || session === undefined || range.end - range.start < DIRECT_BYTES_MIN) return undefined;
          const answer = await tickets.ask({ ...blob, session, range }, signal);
          return answer === undefined ? undefined : { 'restante-ticket': answer.ticket };
        },
      },
      '/jmap',
    );
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', (error) => this.#deps.log.debug({ err: error }, 'a connection ended'));
    const caller = this.#callerOf(request);
    const path = (request.url ?? '/').split('?', 1)[0];
    if (caller === undefined) refuse(socket, '401 Unauthorized');
    else if (path === '/jmap/ws') this.#deps.user().jmap.webSocket(request, socket, head, caller);
    else if (path === '/frames' && request.headers.upgrade === 'restante-hub')
      this.#openFrames(socket, head, caller, sessionOf(request));
    else refuse(socket, '404 Not Found');
  }

  #openFrames(stream: Duplex, head: Buffer, caller: Caller, session: SessionId | undefined): void {
    stream.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: restante-hub\r\n\r\n');
    if (head.length > 0) stream.unshift(head);
    const { jmap, store } = this.#deps.user();
    const { log, tickets } = this.#deps;
    const connection = new FramesConnection(
      { jmap, store, log, stream, ticket: (blob, signal) => tickets.ticketFor(session, blob, signal) },
      caller,
    );
    this.#connections.add(connection);
    stream.once('close', () => this.#connections.delete(connection));
  }

  #callerOf({ headers }: IncomingMessage): Caller | undefined {
    const { 'restante-base': base, 'restante-login': login, 'restante-scopes': scopes } = headers;
    if (typeof login !== 'string' || typeof scopes !== 'string') return undefined;
    const permissions = scopes.split(' ').flatMap((scope) => PERMISSIONS[scope] ?? []);
    return {
      username: this.#username,
      credential: login,
      permissions: new Set(permissions),
      baseUrl: `${typeof base === 'string' ? base : ''}/jmap`,
    };
  }
}

/** As the control server says them; undefined: it says of no session. */
function scopesOf({ headers }: IncomingMessage): readonly string[] | undefined {
  const { 'restante-scopes': scopes } = headers;
  return typeof scopes === 'string' ? scopes.split(' ') : undefined;
}

function sessionOf({ headers }: IncomingMessage): SessionId | undefined {
  const { 'restante-session': session } = headers;
  return typeof session === 'string' ? parseSessionId(session) : undefined;
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
