/**
 * Requests that wait for their answers, by number. Each has a deadline in monotonic time; a stream's deadline moves with
 * every page. What answers nothing that waits is dropped: its asker gave up.
 */
import type { Entries, NodeMessage } from '../../protocol/index.ts';
import { ConnectionError } from './connection-error.ts';
import { STREAM_PAUSE_MS } from './limits.ts';

export type Answer = Exclude<NodeMessage, { oneofKind: 'entries' | 'serverInfo' | 'welcome' | 'head' | 'refused' }>;

/** Takes one frame of entries; a promise asks the connection to read no further until it resolves. */
export type PageHandler = (entries: Entries) => Promise<void> | undefined;

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly onPage: PageHandler | undefined;
  deadline: number;
}

export class Requests {
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  get count(): number {
    return this.#waiting.size;
  }

  /** A number no other request of this connection waits under. */
  number(): number {
    do this.#next = this.#next >= 0xffff_ffff ? 1 : this.#next + 1;
    while (this.#waiting.has(this.#next));
    return this.#next;
  }

  wait(request: number, deadline: number, onPage?: PageHandler): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject, onPage, deadline });
    });
  }

  answer(request: number, answer: Answer): void {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    waiting?.resolve(answer);
  }

  page(entries: Entries, now: number): Promise<void> | undefined {
    const waiting = this.#waiting.get(entries.request);
    if (waiting?.onPage === undefined) return undefined;
    waiting.deadline = now + STREAM_PAUSE_MS;
    return waiting.onPage(entries);
  }

  fail(request: number, error: Error): void {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    waiting?.reject(error);
  }

  failAll(error: Error): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of all) waiting.reject(error);
  }

  /** Fails what waits beyond its deadline. */
  expire(now: number): number {
    let expired = 0;
    for (const [request, waiting] of this.#waiting) {
      if (waiting.deadline > now) continue;
      expired += 1;
      this.fail(request, new ConnectionError('timeout', 'the node did not answer in time', { retry: 'later' }));
    }
    return expired;
  }

  /** Time during which nothing was read does not count. */
  extend(ms: number): void {
    for (const waiting of this.#waiting.values()) waiting.deadline += ms;
  }
}
