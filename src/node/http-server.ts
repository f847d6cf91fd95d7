/**
 * The door of a node: HTTP for health, metrics and the home document, WebSocket at `/client` for clients. Connections are
 * accepted at the design's rate: a burst, then one every ten milliseconds on average; who waits too long gets a 503.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import Fastify, { type FastifyInstance } from 'fastify';
import { WebSocketServer } from 'ws';
import { type Clock, type FrameSocket, fromUtf8, isAbort, type Log } from '../base/index.ts';
import { WsSocket, wsOptions } from '../base/system/index.ts';
import { FRAME_BYTES_MAX } from '../protocol/index.ts';
import { FLEET_PATH, LINK_FRAME_BYTES_MAX } from './fleet/index.ts';
import type { HomeChain } from './home-chain.ts';
import { HEADERS_TIMEOUT_MS, HTTP_BODY_BYTES_MAX, type NodeLimits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import { NodeError } from './node-error.ts';
import { type Remote, remoteOf } from './remote.ts';
import { Strangers } from './strangers.ts';
import { TokenBucket } from './token-bucket.ts';

export interface HttpServerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly home: () => HomeChain;
  /** What is not well, in words; empty when all is. */
  readonly health: () => Promise<readonly string[]>;
  /** Adds routes before the server listens. */
  readonly mount: (fastify: FastifyInstance) => Promise<void>;
  /** `onAuthenticated` is called when the other end has proven who it is. */
  readonly onConnection: (socket: FrameSocket, remote: Remote, onAuthenticated: () => void) => void;
  /** Whether somebody may come as a node of the home: by the key that the upgrade is signed with; or as a mirror, by its secret. */
  readonly mayLink: (target: URL, authorization: string | undefined) => boolean;
  readonly onLink: (socket: FrameSocket, authorization: string | undefined) => void;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** A proxy says where connections come from. */
  readonly behindProxy: boolean;
  readonly limits: NodeLimits;
  /** The home's MTA-STS policy; undefined: it has none. */
  readonly stsPolicy?: string | undefined;
}

export const CLIENT_PATH = '/client';

export class HttpServer implements AsyncDisposable {
  readonly #deps: HttpServerDeps;
  readonly #options: HttpServerOptions;
  readonly #server: FastifyInstance;
  readonly #webSockets = new WebSocketServer({ noServer: true, ...wsOptions(FRAME_BYTES_MAX) });
  readonly #links = new WebSocketServer({ noServer: true, ...wsOptions(LINK_FRAME_BYTES_MAX) });
  readonly #accepts: TokenBucket;
  readonly #strangers: Strangers;
  readonly #closing = new AbortController();

  private constructor(deps: HttpServerDeps, options: HttpServerOptions, server: FastifyInstance) {
    this.#deps = deps;
    this.#options = options;
    this.#server = server;
    this.#accepts = new TokenBucket(
      options.limits.acceptIntervalMs,
      options.limits.acceptBurst,
      deps.clock.monotonic(),
    );
    this.#strangers = new Strangers(options.limits.strangerBytes);
  }

  static async open(deps: HttpServerDeps, options: HttpServerOptions): Promise<HttpServer> {
    const https =
      options.tls === undefined
        ? {}
        : { https: { cert: await readFile(options.tls.certFile), key: await readFile(options.tls.keyFile) } };
    const fastify = Fastify({ logger: false, bodyLimit: HTTP_BODY_BYTES_MAX, forceCloseConnections: true, ...https });
    const server = new HttpServer(deps, options, fastify as FastifyInstance);
    server.#route();
    await deps.mount(fastify as FastifyInstance);
    fastify.server.headersTimeout = HEADERS_TIMEOUT_MS;
    fastify.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // Errors of a raw socket end it: there is nobody to tell.
      socket.on('error', () => socket.destroy());
      server.#upgrade(request, socket, head).catch((error: unknown) => {
        if (!isAbort(error, server.#closing.signal)) deps.log.error({ error }, 'an upgrade failed');
        socket.destroy();
      });
    });
    try {
      await fastify.listen({ host: options.host, port: options.port, backlog: 4096 });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
      throw new NodeError('port_in_use', `port ${options.port} of ${options.host} is in use`, {
        cause,
        fix: 'Choose another with --port, or --port 0 for any free one.',
      });
    }
    return server;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new DOMException('the server stops', 'AbortError'));
    await this.#server.close();
    this.#webSockets.close();
    this.#links.close();
  }

  #route(): void {
    const { home, health, metrics } = this.#deps;
    this.#server.get('/healthz', async (_request, reply) => {
      const problems = await health();
      return reply.code(problems.length === 0 ? 200 : 503).send({ ok: problems.length === 0, problems });
    });
    this.#server.get('/metrics', async (request, reply) => {
      // Counts tell an outsider how busy a home is: they are for the operator's own machine.
      if (!isLoopback(request.ip)) return reply.code(403).send({ code: 'forbidden' });
      return reply.header('content-type', metrics.registry.contentType).send(await metrics.registry.metrics());
    });
    const { stsPolicy } = this.#options;
    // Asked for under a name of its own, mta-sts.HOME (RFC 8461, 3.3): that has nothing else.
    if (stsPolicy !== undefined)
      this.#server.get('/.well-known/mta-sts.txt', async (_request, reply) =>
        reply.type('text/plain; charset=utf-8').send(stsPolicy),
      );
    this.#server.get('/.well-known/restante', async (request, reply) => {
      // Who has the chain up to a version asks for what follows; a long chain comes in pages.
      const { after: asked } = request.query as { readonly after?: unknown };
      const after = typeof asked === 'string' && /^[0-9]{1,15}$/.test(asked) ? Number(asked) : 0;
      const documents = await home().documents(after);
      const more = documents.length > 0 && after + documents.length < (home().current?.version ?? 0);
      const body = `{"documents":[${documents.map(fromUtf8).join(',')}],"more":${more}}`;
      return reply.header('content-type', 'application/json').header('cache-control', 'max-age=300').send(body);
    });
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { clock, metrics, onConnection } = this.#deps;
    const target = new URL(request.url ?? '/', 'http://node');
    const isLink = target.pathname === FLEET_PATH;
    const { authorization } = request.headers;
    if (target.pathname !== CLIENT_PATH && !(isLink && this.#deps.mayLink(target, authorization))) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const waitMs = this.#accepts.reserve(clock.monotonic(), this.#options.limits.acceptQueue);
    if (waitMs === undefined) {
      metrics.connectionsRefused.inc();
      socket.end(
        'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
      );
      return;
    }
    if (waitMs > 0) await clock.sleep(waitMs, this.#closing.signal);
    if (socket.destroyed) return;
    if (isLink) {
      this.#links.handleUpgrade(request, socket, head, (webSocket) =>
        this.#deps.onLink(WsSocket.adopt(webSocket, socket), authorization),
      );
      return;
    }
    const remote = remoteOf(request.socket.remoteAddress, request.headers, this.#options.behindProxy);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const adopted = WsSocket.adopt(webSocket, socket);
      const onAuthenticated = this.#strangers.admit(socket, () => {
        metrics.refused.inc({ code: 'strangers_full' });
        adopted.terminate();
      });
      onConnection(adopted, remote, onAuthenticated);
    });
  }
}

function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.') || ip.startsWith('::ffff:127.');
}
