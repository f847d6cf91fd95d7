/**
 * JMAP over a WebSocket (RFC 8887): requests and responses as text messages, several at a time, and pushes when they are
 * enabled. A client that does not read is not read from either.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { isAbort, type Log, Scope } from '../../base/index.ts';
import type { Caller, JmapResponse } from '../jmap.ts';
import { CORE_LIMITS, SOCKET_BACKLOG_BYTES_MAX, SOCKET_REQUESTS_MAX } from '../limits.ts';
import { RequestError } from '../protocol/errors.ts';
import { parseIJson } from '../protocol/i-json.ts';
import { isObject } from '../protocol/request.ts';
import type { MailStore } from '../store/mail-store.ts';
import { decodeStates, StateFeed, typesOf } from './state-feed.ts';

export interface JmapSocketsDeps {
  readonly store: MailStore;
  readonly log: Log;
  readonly request: (value: unknown, caller: Caller, signal: AbortSignal) => Promise<JmapResponse>;
}

const SUBPROTOCOL = 'jmap';
/** RFC 6455, section 7.4.1. */
const UNSUPPORTED_DATA = 1003;
const GOING_AWAY = 1001;

export class JmapSockets implements AsyncDisposable {
  readonly #deps: JmapSocketsDeps;
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: CORE_LIMITS.maxSizeRequest,
    handleProtocols: (names) => (names.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  readonly #sockets = new Set<JmapSocket>();

  constructor(deps: JmapSocketsDeps) {
    this.#deps = deps;
  }

  /** Takes over the socket of an HTTP upgrade whose caller is known. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, caller: Caller): void {
    const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
    if (!offered.includes(SUBPROTOCOL)) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const jmapSocket = new JmapSocket(this.#deps, webSocket, caller);
      this.#sockets.add(jmapSocket);
      webSocket.once('close', () => this.#sockets.delete(jmapSocket));
    });
  }

  /** Ends the connections of a login that may be here no more. */
  close(credential: string): void {
    for (const socket of this.#sockets) if (socket.credential === credential) socket.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => socket[Symbol.asyncDispose]()));
    this.#server.close();
  }
}

class JmapSocket implements AsyncDisposable {
  readonly #deps: JmapSocketsDeps;
  readonly #socket: WebSocket;
  readonly #caller: Caller;
  readonly #scope: Scope;
  #requestCount = 0;
  #push: AbortController | undefined;

  constructor(deps: JmapSocketsDeps, socket: WebSocket, caller: Caller) {
    this.#deps = deps;
    this.#socket = socket;
    this.#caller = caller;
    this.#scope = new Scope((name, error) => deps.log.error({ error, task: name }, 'a JMAP socket failed'));
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    socket.on('close', () => void this[Symbol.asyncDispose]());
    socket.on('error', (error) => deps.log.debug({ error }, 'a JMAP socket broke'));
  }

  get credential(): string {
    return this.#caller.credential;
  }

  close(): void {
    this.#socket.close(GOING_AWAY);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#scope[Symbol.asyncDispose]();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (isBinary) {
      this.#socket.close(UNSUPPORTED_DATA, 'text only');
      return;
    }
    if (++this.#requestCount >= SOCKET_REQUESTS_MAX) this.#socket.pause();
    this.#scope.spawn('request', async (signal) => {
      try {
        await this.#handle(data, signal);
      } finally {
        this.#requestCount--;
        if (this.#socket.isPaused && this.#socket.bufferedAmount < SOCKET_BACKLOG_BYTES_MAX) this.#socket.resume();
      }
    });
  }

  async #handle(data: Buffer, signal: AbortSignal): Promise<void> {
    let id: string | undefined;
    try {
      const message = parseMessage(data);
      if (typeof message.id === 'string') id = message.id;
      switch (message['@type']) {
        case 'Request':
          await this.#answer(message, id, signal);
          break;
        case 'WebSocketPushEnable':
          this.#enablePush(message);
          break;
        case 'WebSocketPushDisable':
          this.#push?.abort();
          break;
        default:
          throw new RequestError('notRequest', 'no message has this @type');
      }
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      await this.#send({ '@type': 'RequestError', requestId: id ?? null, ...this.#problemOf(error) });
    }
  }

  async #answer(
    message: Readonly<Record<string, unknown>>,
    id: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { '@type': _type, id: _id, ...request } = message;
    const response = await this.#deps.request(request, this.#caller, signal);
    await this.#send({ '@type': 'Response', ...(id === undefined ? {} : { requestId: id }), ...response });
  }

  /** Enabling again takes the place of what was enabled. */
  #enablePush({ dataTypes = null, pushState }: Readonly<Record<string, unknown>>): void {
    const isList = Array.isArray(dataTypes) && dataTypes.every((name) => typeof name === 'string');
    if (dataTypes !== null && !isList) throw new RequestError('notRequest', 'dataTypes is an array of names, or null');
    this.#push?.abort();
    const controller = new AbortController();
    this.#push = controller;
    const feed = new StateFeed(this.#deps.store, typesOf(dataTypes as string[] | null));
    if (typeof pushState === 'string') feed.catchUp(decodeStates(pushState));
    this.#scope.spawn('push', async (closing) => {
      using _ = feed;
      const signal = AbortSignal.any([closing, controller.signal]);
      for (let told = await feed.nextWithState(signal); told !== undefined; told = await feed.nextWithState(signal))
        await this.#send({ '@type': 'StateChange', ...told });
    });
  }

  #problemOf(error: unknown): Record<string, unknown> {
    if (error instanceof RequestError) return error.problem;
    this.#deps.log.error({ error }, 'a JMAP request failed');
    return { type: 'about:blank', status: 500, detail: 'the server failed to do this' };
  }

  /** Resolves when the message has left, so that pushes to a slow client are joined. */
  #send(message: object): Promise<void> {
    return new Promise((resolve) => this.#socket.send(JSON.stringify(message), () => resolve()));
  }
}

function parseMessage(data: Buffer): Readonly<Record<string, unknown>> {
  let message: unknown;
  try {
    message = parseIJson(data);
  } catch (error) {
    throw new RequestError('notJSON', `not I-JSON: ${(error as Error).message}`);
  }
  if (!isObject(message)) throw new RequestError('notRequest', 'a message is an object');
  return message;
}
