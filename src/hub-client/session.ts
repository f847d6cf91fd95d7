/**
 * A session at a hub: requests, answers and what is pushed. When the connection ends, whatever the reason (the hub starts
 * again, the user moves to another host, the network), the session opens itself again with its token; requests made meanwhile
 * wait, those that had no answer yet are rejected with `cut`, because they may have been carried out.
 */
import { abortable, type Clock, Emitter, isAbort, Scope, withDeadline } from '../base/index.ts';
import type { Json } from '../protocol/index.ts';
import { type Download, redeem } from './download.ts';
import { HubError, type HubErrorCode } from './hub-error.ts';
import { OPEN_TIMEOUT_MS, REOPEN_FIRST_MS, REOPEN_MAX_MS } from './limits.ts';
import { dial, type HubTarget } from './target.ts';
import { type Incoming, type Opened, Wire } from './wire.ts';

export type HubCredential =
  | { readonly user: string; readonly password: string }
  /** Of an earlier session, or an app password. */
  | { readonly token: string };

export type HubRequest = { readonly using: readonly string[]; readonly methodCalls: readonly Json[] } & {
  readonly [key: string]: Json;
};

export interface SessionEvents {
  /** A JMAP StateChange, or what else the user server pushes. */
  push: Json;
  /** The connection has ended; it is being made again. */
  cut: { readonly error: HubError };
  opened: { readonly session: string; readonly jmap: Json };
  /** It cannot be opened again: the token was revoked or has expired. */
  ended: { readonly error: HubError };
}

interface Waiting {
  readonly resolve: (response: Json) => void;
  readonly reject: (error: Error) => void;
}

export class HubSession implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #target: HubTarget;
  readonly #events = new Emitter<SessionEvents>(() => undefined);
  readonly #scope: Scope;
  readonly #waiting = new Map<number, Waiting>();
  #state: { readonly wire: Wire; readonly opened: Opened } | undefined;
  /** Resolves when the session is open again; rejects when it never will be. */
  #reopening: Promise<void> | undefined;
  #ended: HubError | undefined;
  #credential: HubCredential;
  #opened: Opened | undefined;
  #requestCount = 0;

  private constructor(clock: Clock, target: HubTarget, credential: HubCredential) {
    this.#clock = clock;
    this.#target = target;
    this.#credential = credential;
    this.#scope = new Scope((_, error) => this.#end(error as HubError));
  }

  /** Throws HubError: what the hub refuses, `absent`, `late`. */
  static async open(
    clock: Clock,
    target: HubTarget,
    credential: HubCredential,
    signal: AbortSignal,
  ): Promise<HubSession> {
    const session = new HubSession(clock, target, credential);
    await session.#connect(signal);
    return session;
  }

  /** 32 hexadecimal digits; the same after it has been opened again. */
  get id(): string {
    return this.#facts.session;
  }

  /** Opens this session again, also from another process. Keep it like a password. */
  get token(): string {
    return this.#facts.token;
  }

  get user(): string {
    return this.#facts.user;
  }

  get scopes(): readonly string[] {
    return this.#facts.scopes;
  }

  /** The JMAP session object (RFC 8620, section 2), as it was when the session was opened last. */
  get jmap(): Json {
    return this.#facts.jmap;
  }

  get isConnected(): boolean {
    return this.#state !== undefined;
  }

  on<Name extends keyof SessionEvents>(name: Name, listener: (payload: SessionEvents[Name]) => void): Disposable {
    return this.#events.on(name, listener);
  }

  /** A JMAP request object, answered by a response object. Throws HubError; `cut` says that it may have been carried out. */
  request(request: HubRequest, signal: AbortSignal): Promise<Json> {
    return this.#ask({ request }, signal);
  }

  /**
   * An upload or a draft as it is, on a connection of its own that does not pass the user server. Throws HubError `absent` for
   * what is no blob by itself, such as a received mail: that is downloaded by HTTP.
   */
  async download(accountId: string, blobId: string, signal: AbortSignal): Promise<Download> {
    const answer = (await this.#ask({ ticket: { accountId, blobId } }, signal)) as { readonly ticket: string };
    const { token, user } = this.#facts;
    return redeem(this.#clock, this.#target, { user, token, ticket: answer.ticket }, signal);
  }

  async #ask(message: { readonly [key: string]: Json }, signal: AbortSignal): Promise<Json> {
    signal.throwIfAborted();
    while (this.#state === undefined) await this.#whenOpen(signal);
    const { wire } = this.#state;
    const id = ++this.#requestCount;
    return new Promise<Json>((resolve, reject) => {
      const onAbort = (): void => settle(() => reject(signal.reason));
      const settle = (act: () => void): void => {
        this.#waiting.delete(id);
        signal.removeEventListener('abort', onAbort);
        act();
      };
      this.#waiting.set(id, {
        resolve: (response) => settle(() => resolve(response)),
        reject: (error) => settle(() => reject(error)),
      });
      signal.addEventListener('abort', onAbort, { once: true });
      wire.send({ id, ...message });
    });
  }

  /** The session stays at the hub, and can be opened again by its token. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new HubError('closed', 'the session is closed'));
    await this.#scope[Symbol.asyncDispose]();
  }

  get #facts(): Opened {
    if (this.#opened === undefined) throw new HubError('closed', 'the session was never open');
    return this.#opened;
  }

  async #whenOpen(signal: AbortSignal): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    await abortable(this.#reopening ?? Promise.resolve(), signal);
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const credential = this.#credential;
    const user = this.#opened?.user ?? userOf(credential);
    const socket = await dial(this.#clock, this.#target, user, signal);
    const late = (): Error => new HubError('late', 'the hub did not open the session in time', { retry: 'later' });
    let wire: Wire | undefined;
    try {
      const opened = await withDeadline(this.#clock, OPEN_TIMEOUT_MS, signal, late, (inTime) => {
        return new Promise<Opened>((resolve, reject) => {
          inTime.addEventListener('abort', () => reject(inTime.reason), { once: true });
          wire = new Wire(
            socket,
            (message) => {
              if ('opened' in message) {
                // What follows in the same bytes finds the session open.
                this.#begin(wire as Wire, message.opened);
                resolve(message.opened);
              } else if (this.#state?.wire === wire) this.#hear(message);
              else if ('error' in message) reject(asHubError(message.error));
            },
            (error) => {
              reject(error);
              this.#onCut(wire as Wire, error);
            },
          );
          wire.send({ open: { ...credential } });
        });
      });
      this.#credential = { token: opened.token };
    } catch (error) {
      wire?.[Symbol.dispose]();
      throw error;
    }
  }

  #begin(wire: Wire, opened: Opened): void {
    this.#opened = opened;
    this.#state = { wire, opened };
    this.#events.emit('opened', { session: opened.session, jmap: opened.jmap });
  }

  #hear(message: Exclude<Incoming, { opened: unknown }>): void {
    if ('push' in message) this.#events.emit('push', message.push);
    else if ('ticket' in message) this.#waiting.get(message.id)?.resolve(message.ticket);
    else if ('response' in message) this.#waiting.get(message.id)?.resolve(message.response);
    else if (message.id !== undefined) this.#waiting.get(message.id)?.reject(asHubError(message.error));
  }

  #onCut(wire: Wire, error: HubError): void {
    if (this.#state?.wire !== wire) return;
    this.#state = undefined;
    for (const waiting of [...this.#waiting.values()])
      waiting.reject(new HubError('cut', 'the connection ended before the answer', { cause: error, retry: 'now' }));
    if (this.#ended !== undefined) return;
    this.#reopening = new Promise((resolve, reject) => {
      this.#scope.spawn('reopen', (signal) => this.#reopen(signal).then(resolve, reject));
    });
    this.#reopening.catch((cause: unknown) => {
      if (!isAbort(cause, this.#scope.signal)) this.#end(cause as HubError);
    });
    this.#events.emit('cut', { error });
  }

  /** Throws only what trying again does not change. */
  async #reopen(signal: AbortSignal): Promise<void> {
    for (let waitMs = REOPEN_FIRST_MS; ; waitMs = Math.min(REOPEN_MAX_MS, 2 * waitMs)) {
      try {
        await this.#connect(signal);
        return;
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        if (error instanceof HubError && FINAL.has(error.code)) throw error;
      }
      await this.#clock.sleep(waitMs, signal);
    }
  }

  #end(error: HubError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#state?.wire[Symbol.dispose]();
    this.#state = undefined;
    for (const waiting of [...this.#waiting.values()]) waiting.reject(error);
    this.#events.emit('ended', { error });
  }
}

/** Answers that stay the same however often one asks. */
const FINAL: ReadonlySet<HubErrorCode> = new Set(['refused', 'malformed', 'forbidden', 'too_large', 'closed']);

function asHubError({ code, fix, message }: { code: string; fix?: string | undefined; message: string }): HubError {
  return new HubError(code as HubErrorCode, message, fix === undefined ? {} : { fix });
}

/** A token says whose it is: its second part is the address in base64url. */
function userOf(credential: HubCredential): string {
  if ('user' in credential) return credential.user;
  return Buffer.from(credential.token.split('.')[1] ?? '', 'base64url').toString('utf8');
}
