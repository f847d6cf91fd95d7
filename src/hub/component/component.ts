/**
 * One component on the bus: asks and answers requests, tells and hears events. Everything it sends is signed and numbered;
 * what it refuses is counted by reason and changes nothing. Secrets travel in sealed boxes inside bodies (`sealing.ts`).
 */
import { type Clock, type CryptoSuite, isAbort, type Log, Scope, withDeadline } from '../../base/index.ts';
import type { Json } from '../../protocol/index.ts';
import type { Bus, Place } from '../bus/bus.ts';
import { HubError, type HubErrorCode } from '../hub-error.ts';
import type { Content, Envelope } from './bus-message.ts';
import { type About, Correspondence, type KnownPeer, type Self } from './correspondence.ts';
import type { InstanceId } from './ids.ts';
import { HANDLED_REQUESTS_MAX, PENDING_REQUESTS_MAX, REQUEST_TIMEOUT_MS } from './limits.ts';

export interface ComponentDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly log: Log;
  readonly bus: Bus;
}

/** Where a message comes from: proven. */
export interface Sender extends About {
  readonly instance: InstanceId;
}

/** Answers a request; a HubError that it throws reaches the asker with its code, any other as `failed`. */
export type Handler = (body: Json, sender: Sender, signal: AbortSignal) => Promise<Json>;

export interface RequestOptions extends About {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

interface Waiting {
  readonly to: InstanceId;
  readonly resolve: (body: Json) => void;
  readonly reject: (error: Error) => void;
}

export class Component implements AsyncDisposable {
  readonly #deps: ComponentDeps;
  readonly #scope: Scope;
  readonly #handlers = new Map<string, Handler>();
  readonly #listeners = new Map<string, (body: Json, sender: Sender) => void>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #refused = new Map<string, number>();
  readonly instance: InstanceId;
  /** Whom it knows: `meet` before anything is said. */
  readonly correspondence: Correspondence;
  #bus: Bus;
  #place: Place | undefined;
  #requestCount = 0;
  #handledCount = 0;

  private constructor(deps: ComponentDeps, self: Self) {
    this.#deps = deps;
    this.#bus = deps.bus;
    this.instance = self.instance;
    this.correspondence = new Correspondence(deps.suite, self);
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of a component failed'));
    // Whether it lives: an event loop that turns answers.
    this.handle('ping', async () => ({}));
  }

  /** `peers` it has known before: they may speak as soon as it is on the bus. */
  static async open(deps: ComponentDeps, self: Self, peers: readonly KnownPeer[] = []): Promise<Component> {
    const component = new Component(deps, self);
    for (const { user, ...peer } of peers) component.correspondence.meet(peer, user, peer);
    await component.#join();
    return component;
  }

  /** Goes on at another bus, where the one that it was on is gone. What waits for an answer will have none. */
  async moveTo(bus: Bus): Promise<void> {
    this.#refuseWaiting(new HubError('absent', 'the bus has ended', { retry: 'now' }));
    this.#bus = bus;
    await this.#join();
  }

  async #join(): Promise<void> {
    this.#place = await this.#bus.join(this.instance, (message) => this.#receive(message));
  }

  #refuseWaiting(error: HubError): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
  }

  /** Aborted when the bus no longer delivers to this component. */
  get lost(): AbortSignal {
    return this.#place?.lost ?? this.#scope.signal;
  }

  /** How many messages were refused, by reason. */
  get refused(): ReadonlyMap<string, number> {
    return this.#refused;
  }

  handle(kind: string, handler: Handler): void {
    this.#handlers.set(kind, handler);
  }

  hear(kind: string, listener: (body: Json, sender: Sender) => void): void {
    this.#listeners.set(kind, listener);
  }

  async tell(to: InstanceId, kind: string, body: Json, about: About): Promise<void> {
    await this.#send(to, about, { type: 'event', kind, body });
  }

  /** Throws the HubError that was answered, `absent`, `late`, `busy`. */
  async request(to: InstanceId, kind: string, body: Json, options: RequestOptions): Promise<Json> {
    if (this.#waiting.size >= PENDING_REQUESTS_MAX) throw new HubError('busy', 'too many requests wait for answers');
    const { signal, timeoutMs = REQUEST_TIMEOUT_MS, user, session } = options;
    const id = ++this.#requestCount;
    const late = (): Error => new HubError('late', `no answer to ${kind} in time`, { retry: 'later' });
    try {
      return await withDeadline(this.#deps.clock, timeoutMs, signal, late, async (inTime) => {
        const answer = new Promise<Json>((resolve, reject) => {
          this.#waiting.set(id, { to, resolve, reject });
          inTime.addEventListener('abort', () => reject(inTime.reason), { once: true });
        });
        answer.catch(() => undefined); // sending may fail before anybody waits for it
        await this.#send(to, { user, session }, { type: 'request', id, kind, body });
        return await answer;
      });
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Requests to a peer that has gone are answered at once. */
  peerIsGone(instance: InstanceId): void {
    for (const waiting of this.#waiting.values())
      if (waiting.to === instance) waiting.reject(new HubError('absent', 'the component has ended'));
    this.correspondence.forget(instance);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#refuseWaiting(new HubError('closed', 'the component is closed'));
    await this.#scope[Symbol.asyncDispose]();
    await this.#place?.[Symbol.asyncDispose]();
  }

  // Sending is not awaited between `write` and `send`: numbers leave in their order.
  async #send(to: InstanceId, about: About, content: Content): Promise<void> {
    await this.#bus.send(to, this.correspondence.write(to, about, content));
  }

  #receive(message: Uint8Array): void {
    let envelope: Envelope;
    try {
      envelope = this.correspondence.read(message);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      this.#refused.set(error.code, (this.#refused.get(error.code) ?? 0) + 1);
      this.#deps.log.warn({ code: error.code, details: error.details }, 'a bus message was refused');
      return;
    }
    const { content, from, session, user } = envelope;
    const sender: Sender = { instance: from, user, session };
    switch (content.type) {
      case 'event':
        this.#announce(content, sender);
        return;
      case 'request':
        this.#scope.spawn(content.kind, (signal) => this.#answer(content, sender, signal, this.#bus));
        return;
      case 'response':
      case 'error':
        this.#settle(content, from);
        return;
    }
  }

  #announce(content: Extract<Content, { type: 'event' }>, sender: Sender): void {
    try {
      this.#listeners.get(content.kind)?.(content.body, sender);
    } catch (error) {
      this.#deps.log.error({ error, kind: content.kind }, 'an event was not understood');
    }
  }

  #settle(content: Extract<Content, { type: 'response' | 'error' }>, from: InstanceId): void {
    const waiting = this.#waiting.get(content.id);
    if (waiting?.to !== from) return; // its asker no longer waits, or it was asked of somebody else
    if (content.type === 'response') waiting.resolve(content.body);
    else waiting.reject(new HubError(content.code as HubErrorCode, content.message));
  }

  async #answer(
    content: Extract<Content, { type: 'request' }>,
    sender: Sender,
    signal: AbortSignal,
    bus: Bus,
  ): Promise<void> {
    const { id } = content;
    const about: About = { user: sender.user, session: sender.session };
    let answer: Content;
    try {
      answer = { type: 'response', id, body: await this.#perform(content, sender, signal) };
    } catch (error) {
      if (isAbort(error, signal)) return;
      if (!(error instanceof HubError)) this.#deps.log.error({ error, kind: content.kind }, 'a request failed');
      const { code, message } =
        error instanceof HubError ? error : new HubError('failed', 'the component failed; its log says why');
      answer = { type: 'error', id, code, message };
    }
    // Who asked has gone with the bus; on another one this would be taken for the answer to what is asked there.
    if (bus !== this.#bus) return;
    try {
      await this.#send(sender.instance, about, answer);
    } catch (error) {
      this.#deps.log.debug({ error, kind: content.kind }, 'who asked has gone before the answer');
    }
  }

  async #perform(content: Extract<Content, { type: 'request' }>, sender: Sender, signal: AbortSignal): Promise<Json> {
    const handler = this.#handlers.get(content.kind);
    if (handler === undefined) throw new HubError('unknown_kind', `no request ${content.kind} here`);
    if (this.#handledCount >= HANDLED_REQUESTS_MAX) throw new HubError('busy', 'too many requests at once');
    this.#handledCount++;
    try {
      return await handler(content.body, sender, signal);
    } finally {
      this.#handledCount--;
    }
  }
}
