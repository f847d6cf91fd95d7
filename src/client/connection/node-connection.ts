/**
 * One connection to a node (docs/protocol/client.md): greeting, authentication, requests with deadlines, entries handed
 * over with back-pressure, heartbeats. It holds nothing that a cut could lose: whoever uses it asks again by position.
 *
 * - A page of entries may ask the reader to wait (TCP then slows the node down); the wait ends early while an urgent
 *   request of the page's own consumer is out, since its answer comes over this very connection.
 * - Every failure ends in one ConnectionError, the same for all who wait and for `ended`.
 */
import { type Clock, type FrameSocket, isAbort, type Log, Scope } from '../../base/index.ts';
import {
  type ClientMessage,
  type Delivery,
  decodeNodeMessage,
  encodeClientMessage,
  type MailboxHead,
  type NodeMessage,
  ProtocolError,
  type Refused,
  requestNumberOf,
  type ServerInfo,
} from '../../protocol/index.ts';
import { ConnectionError, refusalError } from './connection-error.ts';
import {
  HEARTBEAT_MS,
  MISSED_HEARTBEATS_MAX,
  PROBE_MS,
  REQUEST_MS,
  STREAM_PAUSE_MS,
  WATCH_INTERVAL_MS,
} from './limits.ts';
import { type Answer, type PageHandler, Requests } from './requests.ts';
import { Window } from './window.ts';

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** Who judges the node hears how it answers. A refusal is an answer. */
export interface AnswerObserver {
  /** A request had no answer in time. */
  readonly failed: () => void;
  /** The first answer after that. */
  readonly answered: () => void;
}

/** What a node says unasked. */
export interface PushHandlers {
  readonly entries: PageHandler;
  readonly heads: (heads: readonly MailboxHead[]) => void;
}

/** A question that its answer repeats the number of. */
export type Numbered = Exclude<ClientMessage, { oneofKind: 'auth' | 'cancel' | 'submit' }>;
export type AnswerKind = Answer['oneofKind'];
export type AnswerOf<Kind extends AnswerKind> = Extract<Answer, { oneofKind: Kind }>;

export interface RequestOptions {
  /** The consumer of a page waits for this answer before it takes the next. */
  readonly urgent?: boolean;
  readonly deadlineMs?: number;
  readonly onPage?: PageHandler;
  readonly signal?: AbortSignal;
}

const IGNORE: PushHandlers = Object.freeze({ entries: () => undefined, heads: () => undefined });

export class NodeConnection implements AsyncDisposable {
  readonly info: ServerInfo;
  /** Resolves when the connection is over, with why. */
  readonly ended: Promise<ConnectionError>;
  readonly #deps: ConnectionDeps;
  readonly #socket: FrameSocket;
  readonly #frames: AsyncIterator<Uint8Array>;
  readonly #scope: Scope;
  readonly #requests = new Requests();
  readonly #submits: Window;
  #push: PushHandlers = IGNORE;
  #observer: AnswerObserver | undefined;
  #failing = false;
  #heardAt: number;
  #resolveEnded: (error: ConnectionError) => void = () => undefined;
  #end: ConnectionError | undefined;
  #awaitedHandshake: { resolve: (message: NodeMessage) => void; reject: (error: Error) => void } | undefined;
  #urgent = 0;
  #wakeReader: (() => void) | undefined;
  #readerPausedAt: number | undefined;
  #unanswered = 0;
  #offsetMs = 0;
  #roundTripMs = Number.POSITIVE_INFINITY;

  /** `frames` is the socket's one iterator, its first frame read already. */
  constructor(deps: ConnectionDeps, socket: FrameSocket, frames: AsyncIterator<Uint8Array>, info: ServerInfo) {
    this.#deps = deps;
    this.#socket = socket;
    this.#frames = frames;
    this.info = info;
    this.#heardAt = deps.clock.monotonic();
    this.#submits = new Window(Math.max(1, info.limits?.inFlightSubmits ?? 1));
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#scope = new Scope((name, error) => deps.log.error({ error, task: name }, 'a task of a connection failed'));
    this.#scope.spawn('read', (signal) => this.#read(signal));
    this.#scope.spawn('watch', (signal) => this.#watch(signal));
  }

  /** Milliseconds to add to this device's time to get the node's, as the quickest round trip so far measured it. */
  get serverTimeOffsetMs(): number {
    return this.#offsetMs;
  }

  /** Of the quickest ping; infinite before the first. */
  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** Monotonic time of the last frame. */
  get heardAt(): number {
    return this.#heardAt;
  }

  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /** How many submits may go out before the first receipt. */
  get submitWindow(): number {
    return this.#submits.size;
  }

  /** Told of delivery reports that come unasked. */
  onDeliveries: (deliveries: readonly Delivery[]) => void = () => undefined;

  /** Where entries and heads that come unasked go. */
  listen(handlers: PushHandlers): void {
    this.#push = handlers;
  }

  observe(observer: AnswerObserver): void {
    this.#observer = observer;
  }

  /** Sends the frame that answers the greeting and waits for the next frame that carries no request number. */
  async handshake(message: ClientMessage): Promise<NodeMessage> {
    const answer = new Promise<NodeMessage>((resolve, reject) => {
      this.#awaitedHandshake = { resolve, reject };
    });
    // Whoever sent it may fail first; the failure is the same one.
    answer.catch(() => undefined);
    await this.#send(message);
    return this.#withDeadline(answer, REQUEST_MS);
  }

  /** Throws ConnectionError; `refused` when the node says no. */
  async request<Kind extends AnswerKind>(
    kind: Kind,
    compose: (request: number) => Numbered,
    options: RequestOptions = {},
  ): Promise<AnswerOf<Kind>> {
    const { signal } = options;
    signal?.throwIfAborted();
    const request = this.#requests.number();
    const deadlineMs = options.deadlineMs ?? (options.onPage === undefined ? REQUEST_MS : STREAM_PAUSE_MS);
    const cancel = (): void => this.#cancel(request, signal?.reason);
    signal?.addEventListener('abort', cancel, { once: true });
    if (options.urgent === true) this.#beginUrgent();
    try {
      const answer = await this.#exchange(request, compose(request), deadlineMs, options.onPage);
      if (answer.oneofKind !== kind)
        throw this.#fail('malformed', `the node answered ${kind} with ${answer.oneofKind}`);
      return answer as AnswerOf<Kind>;
    } finally {
      if (options.urgent === true) this.#urgent -= 1;
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** One submit; waits while as many as the node allows are without a receipt. */
  async submit(pdu: Uint8Array, body: Uint8Array | undefined): Promise<AnswerOf<'receipt'>['receipt']> {
    await this.#submits.enter();
    try {
      const request = this.#requests.number();
      const submit = { request, pdu, body: body ?? new Uint8Array(0), withBody: body !== undefined };
      const answer = await this.#exchange(request, { oneofKind: 'submit', submit }, REQUEST_MS, undefined);
      if (answer.oneofKind !== 'receipt') throw this.#fail('malformed', 'a submit was not answered with a receipt');
      return answer.receipt;
    } finally {
      this.#submits.leave();
    }
  }

  /** Asks for the time; returns the milliseconds it took, and learns the node's time from it. */
  async ping(deadlineMs: number = PROBE_MS): Promise<number> {
    const { clock } = this.#deps;
    const sentAt = clock.now();
    const started = clock.monotonic();
    const { pong } = await this.request('pong', (request) => ({ oneofKind: 'ping', ping: { request } }), {
      deadlineMs,
    });
    const tookMs = clock.monotonic() - started;
    this.#unanswered = 0;
    // The wall clock may have been set meanwhile, so only its reading at the start is used.
    if (tookMs <= this.#roundTripMs * 1.5) {
      this.#offsetMs = pong.serverTime / 1000 - (sentAt + tookMs / 2);
      this.#roundTripMs = Math.min(this.#roundTripMs, tookMs);
    }
    return tookMs;
  }

  /** From now on a ping each heartbeat; two without an answer end the connection. */
  startHeartbeat(): void {
    const wanted = this.info.limits?.heartbeatMs ?? HEARTBEAT_MS.max;
    const everyMs = Math.min(HEARTBEAT_MS.max, Math.max(HEARTBEAT_MS.min, wanted));
    this.#scope.spawn('heartbeat', async (signal) => {
      for (;;) {
        await this.#deps.clock.sleep(everyMs, signal);
        if (this.#unanswered >= MISSED_HEARTBEATS_MAX && this.#readerPausedAt === undefined) {
          this.#finish(new ConnectionError('dead', 'two heartbeats were not answered', { retry: 'now' }));
          return;
        }
        this.#unanswered += 1;
        this.#scope.spawn('ping', async () => {
          await this.ping(everyMs * MISSED_HEARTBEATS_MAX).catch((error: unknown) => {
            this.#deps.log.debug({ error }, 'a ping failed');
          });
        });
      }
    });
  }

  /** Ends the connection because of something its user found out. */
  cut(error: ConnectionError): void {
    this.#finish(error);
  }

  /** Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish(new ConnectionError('closed', 'the connection was closed here', { retry: 'now' }));
    await this.#scope[Symbol.asyncDispose]();
  }

  async #exchange(
    request: number,
    message: ClientMessage,
    deadlineMs: number,
    onPage: PageHandler | undefined,
  ): Promise<Answer> {
    const answer = this.#requests.wait(request, this.#deps.clock.monotonic() + deadlineMs, onPage);
    answer.catch(() => undefined); // when the send fails, this fails with it, unheard
    await this.#send(message);
    return answer;
  }

  async #send(message: ClientMessage): Promise<void> {
    if (this.#end !== undefined) throw this.#end;
    try {
      await this.#socket.send(encodeClientMessage(message));
    } catch (cause) {
      this.#finish(new ConnectionError('closed', 'the connection ended', { cause, retry: 'now' }));
      throw this.#end;
    }
  }

  #cancel(request: number, reason: unknown): void {
    this.#requests.fail(request, reason instanceof Error ? reason : new Error('cancelled', { cause: reason }));
    if (this.#end !== undefined) return;
    this.#scope.spawn('cancel', () => this.#send({ oneofKind: 'cancel', cancel: { request } }));
  }

  async #read(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#frames.next();
        if (done === true || signal.aborted) break;
        this.#unanswered = 0;
        this.#heardAt = this.#deps.clock.monotonic();
        const wait = this.#dispatch(decodeNodeMessage(value));
        if (wait !== undefined) await this.#pauseReading(wait);
      }
      const { code, reason } = await this.#socket.closed;
      this.#finish(
        new ConnectionError('closed', `the node closed the connection (${code})`, {
          retry: 'now',
          details: { code, reason },
        }),
      );
    } catch (error) {
      if (error instanceof ProtocolError) this.#fail('malformed', error.message);
      else if (error instanceof ConnectionError) this.#finish(error);
      else if (!isAbort(error, signal)) {
        this.#finish(new ConnectionError('closed', 'the connection broke', { cause: error, retry: 'now' }));
        throw error;
      }
    }
  }

  #dispatch(message: NodeMessage): Promise<void> | undefined {
    switch (message.oneofKind) {
      case 'entries':
        return message.entries.request === 0
          ? this.#push.entries(message.entries)
          : this.#requests.page(message.entries, this.#deps.clock.monotonic());
      case 'head':
        this.#push.heads(message.head.heads);
        return undefined;
      case 'deliveries':
        if (message.deliveries.request > 0) return this.#answered(message);
        this.onDeliveries(message.deliveries.deliveries);
        return undefined;
      case 'refused':
        return this.#refused(message.refused);
      case 'serverInfo':
        throw new ConnectionError('malformed', 'the node greeted twice');
      case 'welcome':
        if (this.#awaitedHandshake === undefined) throw new ConnectionError('malformed', 'a welcome nobody asked for');
        this.#awaitedHandshake.resolve(message);
        this.#awaitedHandshake = undefined;
        return undefined;
      default:
        return this.#answered(message);
    }
  }

  #answered(message: Answer): undefined {
    if (this.#failing) this.#observer?.answered();
    this.#failing = false;
    this.#requests.answer(requestNumberOf(message), message);
  }

  #refused(refused: Refused): undefined {
    const { request, fatal } = refused;
    const error = refusalError(refused);
    if (request === 0 || fatal) this.#finish(error);
    else this.#requests.fail(request, error);
    return undefined;
  }

  async #pauseReading(wait: Promise<void>): Promise<void> {
    if (this.#urgent > 0) return;
    this.#readerPausedAt = this.#deps.clock.monotonic();
    await Promise.race([wait, new Promise<void>((resolve) => (this.#wakeReader = resolve)), this.ended]);
    this.#wakeReader = undefined;
    this.#requests.extend(this.#deps.clock.monotonic() - this.#readerPausedAt);
    this.#readerPausedAt = undefined;
  }

  #beginUrgent(): void {
    this.#urgent += 1;
    this.#wakeReader?.();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#deps.clock.sleep(WATCH_INTERVAL_MS, signal);
      if (this.#readerPausedAt !== undefined) continue;
      const expired = this.#requests.expire(this.#deps.clock.monotonic());
      for (let i = 0; i < expired && this.#end === undefined; i++) {
        this.#failing = true;
        this.#observer?.failed();
      }
    }
  }

  async #withDeadline<T>(answer: Promise<T>, ms: number): Promise<T> {
    const timer = new AbortController();
    const late = this.#deps.clock.sleep(ms, timer.signal).then(
      () => this.#fail('timeout', 'the node did not answer in time'),
      () => undefined,
    );
    try {
      return await answer;
    } finally {
      timer.abort();
      await late;
    }
  }

  #fail(code: 'malformed' | 'timeout', message: string): ConnectionError {
    const error = new ConnectionError(code, message, { retry: 'later' });
    this.#finish(error);
    return error;
  }

  #finish(error: ConnectionError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#socket.terminate();
    this.#requests.failAll(error);
    this.#submits.close(error);
    this.#awaitedHandshake?.reject(error);
    this.#resolveEnded(error);
    // The scope's own tasks end it, so it cannot be waited for here; a dispose that waits is idempotent.
    void this.#scope[Symbol.asyncDispose]();
  }
}
