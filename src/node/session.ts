/**
 * One client connection (docs/protocol/client.md): greeting, authentication, dispatch, bounded output. It holds no state
 * that a client could miss after a cut: everything is asked for again by position.
 */

import type { FrameSocket } from '../base/index.ts';
import {
  type Clock,
  type CryptoSuite,
  isAbort,
  type KeyPair,
  type Log,
  Scope,
  type SecureRandom,
} from '../base/index.ts';
import type { FeedState } from '../protocol/index.ts';
import {
  type Address,
  authBytes,
  BODY_BYTES_MAX,
  type ClientMessage,
  type DeviceId,
  decodeClientMessage,
  encodeNodeMessage,
  type HomeName,
  type NodeMessage,
  PDU_HEADER_BYTES_MAX,
  ProtocolError,
  RECIPIENTS_MAX,
  requestNumberOf,
  type SessionNonces,
  SUBMITS_IN_FLIGHT_MAX,
  welcomeBytes,
} from '../protocol/index.ts';
import { StoreError } from '../store/index.ts';
import type { Authenticator } from './authenticator.ts';
import type { Letters } from './letters.ts';
import {
  ANONYMOUS_FRAME_BYTES_MAX,
  ANONYMOUS_REQUESTS_MAX,
  GREETING_MS,
  REQUESTS_IN_FLIGHT_MAX,
  SILENT_MS,
  SLOW_READER_MS,
} from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { Remote } from './remote.ts';
import type { RequestHandler } from './request-handler.ts';
import type { Sessions } from './sessions.ts';
import { UNAVAILABLE_RETRY_MS } from './submission.ts';

export interface SessionDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly log: Log;
  readonly nodeKey: KeyPair;
  readonly authenticator: Authenticator;
  readonly handler: RequestHandler;
  readonly letters: Pick<Letters, 'bytesMax'>;
  readonly sessions: Sessions;
  readonly metrics: Metrics;
}

export interface SessionOptions {
  readonly id: number;
  readonly home: HomeName;
  readonly remote: Remote;
  readonly registration: string;
  readonly heartbeatMs: number;
  readonly feeds: () => FeedState[];
  /** Whether clients may follow their mail here: a node that has just joined fetches it first. */
  readonly isReady: () => boolean;
  readonly onAuthenticated: () => void;
}

/** Who a session has proven to be. */
export interface Identity {
  readonly address: Address;
  /** Undefined: authenticated by the enrolment or recovery key, to join a device. */
  readonly device: DeviceId | undefined;
}

type Submit = Extract<ClientMessage, { oneofKind: 'submit' }>['submit'];

const NONCE_BYTES = 32;

export class Session {
  readonly id: number;
  readonly #deps: SessionDeps;
  readonly #options: SessionOptions;
  readonly #socket: FrameSocket;
  readonly #scope: Scope;
  readonly #nodeNonce: Uint8Array;
  readonly #openedAt: number;
  #identity: Identity | undefined;
  #lastHeardAt: number;
  #sendsPending = 0;
  #oldestSendAt = 0;
  #submitsInFlight = 0;
  #requestsInFlight = 0;
  #anonymousRequests = 0;
  #closing = false;
  readonly #cancels = new Map<number, AbortController>();
  /** Set by the handler when the client follows its mailbox. */
  follower: { wake(insists?: boolean): void } | undefined;

  constructor(deps: SessionDeps, options: SessionOptions, socket: FrameSocket) {
    this.#deps = deps;
    this.#options = options;
    this.#socket = socket;
    this.id = options.id;
    this.#scope = new Scope((name, error) => {
      deps.log.error({ error, session: this.id, task: name }, 'a task of a session failed');
      // Somebody waits for what this task would have said: whose connection ends asks again.
      socket.terminate();
    });
    this.#nodeNonce = deps.random.bytes(NONCE_BYTES);
    this.#openedAt = deps.clock.monotonic();
    this.#lastHeardAt = this.#openedAt;
  }

  get address(): Address | undefined {
    return this.#identity?.address;
  }

  get device(): DeviceId | undefined {
    return this.#identity?.device;
  }

  get remote(): Remote {
    return this.#options.remote;
  }

  get identity(): Identity | undefined {
    return this.#identity;
  }

  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  /** Serves the connection until it ends. */
  async run(): Promise<void> {
    const { sessions, metrics } = this.#deps;
    sessions.add(this);
    metrics.connections.inc();
    try {
      await this.send(this.#greeting());
      for await (const frame of this.#socket.incoming) {
        this.#lastHeardAt = this.#deps.clock.monotonic();
        if (!(await this.#receive(frame))) break;
      }
    } catch (error) {
      if (!this.#closing && !isAbort(error, this.signal))
        this.#deps.log.debug({ session: this.id, error }, 'a connection ended');
    } finally {
      sessions.remove(this);
      metrics.connections.dec();
      // A refusal that was just said must still leave: its close ends the socket by itself, or by its time-out.
      if (!this.#closing) this.#socket.terminate();
      this.#closing = true;
      await this.#scope[Symbol.asyncDispose]();
    }
  }

  wake(insists = false): void {
    this.follower?.wake(insists);
  }

  spawn(name: string, task: (signal: AbortSignal) => Promise<void>): void {
    this.#scope.spawn(name, async (signal) => {
      try {
        await task(signal);
      } catch (error) {
        this.#throwUnlessOver(error, signal);
      }
    });
  }

  /** A send that fails because the other end went away is the end of the connection, not of the task. */
  #throwUnlessOver(error: unknown, signal: AbortSignal): void {
    if (!this.#closing && !isAbort(error, signal)) throw error;
  }

  /** Sends one frame; resolves when the socket takes more. Rejects when the session is over. */
  async send(message: NodeMessage): Promise<void> {
    if (this.#sendsPending === 0) this.#oldestSendAt = this.#deps.clock.monotonic();
    this.#sendsPending += 1;
    try {
      await this.#socket.send(encodeNodeMessage(message));
    } finally {
      this.#sendsPending -= 1;
      this.#oldestSendAt = this.#deps.clock.monotonic();
    }
  }

  async refuse(
    request: number,
    code: string,
    message: string,
    context: { fix?: string; retryAfterMs?: number } = {},
  ): Promise<void> {
    this.#deps.metrics.refused.inc({ code });
    await this.send({
      oneofKind: 'refused',
      refused: {
        request,
        code,
        message,
        fix: context.fix ?? '',
        fatal: false,
        retryAfterMs: context.retryAfterMs ?? 0,
      },
    });
  }

  /** Says why, then closes; what is buffered still leaves if the reader takes it. */
  refuseAndClose(code: string, message: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#deps.metrics.refused.inc({ code });
    const frame = encodeNodeMessage({
      oneofKind: 'refused',
      refused: { request: 0, code, message, fix: '', fatal: true, retryAfterMs: 0 },
    });
    this.#socket.send(frame).catch((error: unknown) => {
      this.#deps.log.debug({ session: this.id, error }, 'a refusal did not reach its reader');
    });
    this.#socket.close(CLOSE_REFUSED, code);
  }

  /** Called every sweep: pushes what a lost wake left, cuts who is silent, slow or never introduced itself. */
  sweep(now: number): void {
    this.wake(true);
    if (this.#sendsPending > 0 && now - this.#oldestSendAt > SLOW_READER_MS) {
      this.refuseAndClose('too_slow', 'the reader takes nothing; connect again and go on where it stopped');
      this.#socket.terminate();
    } else if (now - this.#lastHeardAt > SILENT_MS) this.refuseAndClose('silent', 'nothing was heard for too long');
    else if (this.#identity === undefined && now - this.#openedAt > GREETING_MS)
      this.refuseAndClose('auth_needed', 'nobody authenticated in time');
  }

  heartbeat(): void {
    if (this.follower === undefined || this.#identity === undefined || this.#sendsPending > 0) return;
    const { address } = this.#identity;
    this.spawn('heartbeat', async () => this.send(await this.#deps.handler.headMessage(address)));
  }

  #greeting(): NodeMessage {
    const { home, heartbeatMs, registration } = this.#options;
    return {
      oneofKind: 'serverInfo',
      serverInfo: {
        version: 1,
        home,
        node: this.#deps.nodeKey.publicKey,
        nonce: this.#nodeNonce,
        serverTime: Math.floor(this.#deps.clock.now() * 1000),
        limits: {
          bodyBytes: BODY_BYTES_MAX,
          headerBytes: PDU_HEADER_BYTES_MAX,
          recipients: RECIPIENTS_MAX,
          inFlightSubmits: SUBMITS_IN_FLIGHT_MAX,
          heartbeatMs,
        },
        feeds: this.#options.feeds(),
        store: this.#options.isReady(),
        registration,
        deliveries: true,
        letterBytes: Math.min(this.#deps.letters.bytesMax, BODY_BYTES_MAX),
        largeLetterBytes: this.#deps.letters.bytesMax,
      },
    };
  }

  /** False ends the connection. */
  async #receive(frame: Uint8Array): Promise<boolean> {
    if (this.#identity === undefined && frame.length > ANONYMOUS_FRAME_BYTES_MAX) {
      this.refuseAndClose('too_large', 'authenticate before sending bodies');
      return false;
    }
    let message: ClientMessage;
    try {
      message = decodeClientMessage(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.refuseAndClose(error.code, error.message);
      return false;
    }
    if (message.oneofKind === 'auth') return this.#authenticate(message.auth);
    if (message.oneofKind === 'submit') return this.#submit(message.submit);
    if (message.oneofKind === 'cancel') {
      this.#cancels.get(message.cancel.request)?.abort(new DOMException('cancelled by the client', 'AbortError'));
      return true;
    }
    return this.#request(message);
  }

  async #authenticate(auth: Extract<ClientMessage, { oneofKind: 'auth' }>['auth']): Promise<boolean> {
    if (this.#identity !== undefined) {
      this.refuseAndClose('malformed', 'authenticated already');
      return false;
    }
    const session: SessionNonces = {
      home: this.#options.home,
      node: this.#deps.nodeKey.publicKey,
      nodeNonce: this.#nodeNonce,
      clientNonce: auth.nonce,
    };
    const outcome = await this.#deps.authenticator.check(auth, (address) => authBytes(session, address));
    if (outcome.status === 'refused') {
      this.refuseAndClose(outcome.code, outcome.why);
      return false;
    }
    this.#identity = outcome.identity;
    this.#options.onAuthenticated();
    const signature = this.#deps.suite.sign(
      welcomeBytes(session, outcome.identity.address),
      this.#deps.nodeKey.secretKey,
    );
    await this.send({
      oneofKind: 'welcome',
      welcome: { signature, address: outcome.identity.address, enrolment: outcome.identity.device === undefined },
    });
    return true;
  }

  /** Thousands a second: as few promises as it takes. */
  async #submit(submit: Submit): Promise<boolean> {
    const identity = this.#identity;
    if (identity?.device === undefined)
      await this.refuse(submit.request, 'auth_needed', 'only a device of an account submits');
    else if (this.#submitsInFlight >= SUBMITS_IN_FLIGHT_MAX)
      await this.refuse(submit.request, 'rate_limited', 'too many submits without a receipt', { retryAfterMs: 100 });
    else {
      this.#submitsInFlight += 1;
      this.#scope.spawn('submit', (signal) => this.#answerSubmit(identity, submit, signal));
    }
    return true;
  }

  async #answerSubmit(identity: Identity, submit: Submit, signal: AbortSignal): Promise<void> {
    try {
      await this.send(await this.#deps.handler.submit(identity, submit));
    } catch (error) {
      this.#throwUnlessOver(error, signal);
    } finally {
      this.#submitsInFlight -= 1;
    }
  }

  /** A disk that is full, damaged or away: whoever asks is not left waiting. */
  async #refuseForNow(request: number, error: StoreError): Promise<void> {
    this.#deps.log.error({ error, session: this.id }, 'the store fails a request');
    await this.refuse(request, 'unavailable', 'this node cannot read or write that now', {
      fix: 'Try again later, or at another node.',
      retryAfterMs: UNAVAILABLE_RETRY_MS,
    });
  }

  async #request(message: Exclude<ClientMessage, { oneofKind: 'auth' | 'submit' | 'cancel' }>): Promise<boolean> {
    if (this.#identity === undefined && ++this.#anonymousRequests > ANONYMOUS_REQUESTS_MAX) {
      this.refuseAndClose('rate_limited', 'too many requests before authentication');
      return false;
    }
    const request = requestNumberOf(message);
    if (this.#requestsInFlight >= REQUESTS_IN_FLIGHT_MAX) {
      await this.refuse(request, 'rate_limited', 'too many requests under way', { retryAfterMs: 100 });
      return true;
    }
    this.#requestsInFlight += 1;
    const cancel = new AbortController();
    this.#cancels.set(request, cancel);
    this.spawn(message.oneofKind, async (signal) => {
      try {
        await this.#deps.handler.handle(this, message, AbortSignal.any([signal, cancel.signal]));
      } catch (error) {
        if (cancel.signal.aborted) await this.refuse(request, 'cancelled', 'cancelled by the client');
        else if (error instanceof StoreError) await this.#refuseForNow(request, error);
        else throw error;
      } finally {
        this.#requestsInFlight -= 1;
        if (this.#cancels.get(request) === cancel) this.#cancels.delete(request);
      }
    });
    return true;
  }
}

/** Our close code for a refusal that the frame before it explains (RFC 6455: 4000–4999 are private). */
const CLOSE_REFUSED = 4000;
