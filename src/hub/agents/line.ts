/**
 * The line between a user server and one of its agents, the same over a worker's port and within a thread. Both ends ask and
 * answer; each call settles once: with the answer, with the other's error, or as `closed` when the line ends first. What is
 * said is cloned, so neither end reaches into the other's memory.
 */
import type { MessagePort, Worker } from 'node:worker_threads';
import { CodedError, type Log } from '../../base/index.ts';
import { HubError, type HubErrorCode } from '../hub-error.ts';
import { LINE_CALLS_MAX } from './limits.ts';

/** What one end answers: name → request and reply, fit for structured cloning. */
export type Calls = Record<string, { readonly request: object; readonly reply: object }>;
export type Handlers<Answered extends Calls> = {
  readonly [Name in keyof Answered]: (
    request: Answered[Name]['request'],
    signal: AbortSignal,
  ) => Promise<Answered[Name]['reply']>;
};

/** An end of a channel: a worker, its parent's port, or half of a MessageChannel. */
export type LinePort = MessagePort | Worker;

type Message =
  | { readonly type: 'call'; readonly id: number; readonly name: string; readonly request: object }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'reply'; readonly id: number; readonly reply: object }
  | {
      readonly type: 'error';
      readonly id: number;
      readonly code: string;
      readonly message: string;
      readonly fix?: string | undefined;
    };

interface Waiting {
  readonly resolve: (reply: never) => void;
  readonly reject: (error: unknown) => void;
}

export class AgentLine<Asked extends Calls, Answered extends Calls> implements Disposable {
  readonly #log: Log;
  readonly #port: LinePort;
  readonly #handlers: Handlers<Answered>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #answering = new Map<number, AbortController>();
  #nextId = 0;
  #isClosed = false;

  constructor(deps: { readonly log: Log; readonly port: LinePort }, handlers: Handlers<Answered>) {
    this.#log = deps.log;
    this.#port = deps.port;
    this.#handlers = handlers;
    this.#port.on('message', this.#receive);
  }

  /** Throws HubError with the other end's code, `closed`, `busy`, or the signal's reason. */
  call<Name extends keyof Asked & string>(
    name: Name,
    request: Asked[Name]['request'],
    signal?: AbortSignal,
  ): Promise<Asked[Name]['reply']> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#isClosed) throw new HubError('closed', 'the agent has ended', { retry: 'later' });
      if (this.#waiting.size >= LINE_CALLS_MAX) throw new HubError('busy', 'too much is asked of an agent at once');
      const id = this.#nextId++;
      const onAbort = (): void => {
        this.#waiting.delete(id);
        if (!this.#isClosed) this.#send({ type: 'cancel', id });
        reject(signal?.reason);
      };
      const settle =
        <Value>(end: (value: Value) => void) =>
        (value: Value): void => {
          signal?.removeEventListener('abort', onAbort);
          end(value);
        };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.#send({ type: 'call', id, name, request });
    });
  }

  /** Nothing is answered or heard any more; what waits is rejected. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#port.off('message', this.#receive);
    const closed = new HubError('closed', 'the agent has ended', { retry: 'later' });
    for (const controller of this.#answering.values()) controller.abort(closed);
    for (const { reject } of this.#waiting.values()) reject(closed);
    this.#waiting.clear();
  }

  readonly #receive = (message: Message): void => {
    switch (message.type) {
      case 'call':
        void this.#answer(message);
        return;
      case 'cancel':
        this.#answering.get(message.id)?.abort(new DOMException('nobody waits for it', 'AbortError'));
        return;
      case 'reply':
        this.#settle(message.id)?.resolve(message.reply as never);
        return;
      case 'error': {
        const { code, fix, id, message: text } = message;
        this.#settle(id)?.reject(new HubError(code as HubErrorCode, text, fix === undefined ? {} : { fix }));
        return;
      }
    }
  };

  /** Undefined when its caller gave it up. */
  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  async #answer({ id, name, request }: Extract<Message, { type: 'call' }>): Promise<void> {
    const controller = new AbortController();
    this.#answering.set(id, controller);
    let answer: Message;
    try {
      const handler = this.#handlers[name];
      if (handler === undefined) throw new HubError('unknown_kind', `nothing is known of ${name}`);
      answer = { type: 'reply', id, reply: await handler(request, controller.signal) };
    } catch (error) {
      if (error instanceof CodedError) {
        const { code, fix, message } = error;
        answer = { type: 'error', id, code, message, fix };
      } else {
        if (!controller.signal.aborted) this.#log.error({ err: error, call: name }, 'a call of an agent failed');
        answer = { type: 'error', id, code: 'failed', message: 'it failed; the log says why' };
      }
    } finally {
      this.#answering.delete(id);
    }
    if (!this.#isClosed) this.#send(answer);
  }

  #send(message: Message): void {
    this.#port.postMessage(message);
  }
}
