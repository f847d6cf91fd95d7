/** One node for as long as it is followed or asked: its pages are read ahead, taken in their order, and go to the disk. */
import { BoundedQueue, isAbort } from '../../base/index.ts';
import { ConnectionError } from '../connection/index.ts';
import { PAGES_COMMITTING, PAGES_READ_AHEAD } from '../limits.ts';
import type { HeadIntake, Restoration } from './head-intake.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { PageIntake, PageSource, ReadPage } from './page-intake.ts';
import { PageQueue } from './page-queue.ts';

export interface PassDeps {
  readonly mailboxes: Mailboxes;
  readonly heads: HeadIntake;
  readonly pages: PageIntake;
}

export interface PassEvents {
  readonly onStored: (count: number, live: boolean) => void;
  readonly onRestored: (restoration: Restoration) => void;
  readonly onBroken: () => void;
}

export class Pass implements AsyncDisposable {
  readonly queue: PageQueue;
  /** Rejects when pages can no longer be stored. */
  readonly failed: Promise<never>;
  /** Something is to be asked for. */
  onOwed: () => void = () => undefined;
  readonly #deps: PassDeps;
  readonly #source: PageSource;
  readonly #events: PassEvents;
  readonly #reading = new BoundedQueue<PageBeingRead>(PAGES_READ_AHEAD);
  #reject: (error: unknown) => void = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #headsTaken: Promise<void> = Promise.resolve();

  constructor(deps: PassDeps, source: PageSource, events: PassEvents) {
    this.#deps = deps;
    this.#source = source;
    this.#events = events;
    this.queue = new PageQueue(() => {
      source.connection.cut(
        new ConnectionError('flooded', 'the node sends more than can be stored', { retry: 'later' }),
      );
    });
    this.failed = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.failed.catch(() => undefined); // heard by whoever waits for it
  }

  start(signal: AbortSignal): void {
    const close = (): void => this.queue.close();
    signal.addEventListener('abort', close, { once: true });
    void this.#source.connection.ended.then(close);
    this.#running = Promise.all([this.#readAhead(), this.#store()])
      .then(() => undefined)
      .catch((error: unknown) => {
        if (!(error instanceof ConnectionError)) this.#events.onBroken();
        if (!isAbort(error, signal)) this.#reject(error);
      })
      .finally(() => {
        signal.removeEventListener('abort', close);
        this.queue.close();
      });
  }

  /** The heads now. */
  async watch(): Promise<void> {
    const { complete } = await this.#source.connection.request('complete', (request) => ({
      oneofKind: 'watch',
      watch: { request },
    }));
    await this.drained();
    await this.#take(complete.heads);
  }

  /** Heads that came unasked, after the pages before them; `onChange` is called when there may be something to fetch. */
  takeHeads(heads: Parameters<HeadIntake['take']>[1], onChange: () => void): void {
    this.#headsTaken = this.#headsTaken
      .then(() => this.drained())
      .then(() => this.#take(heads))
      .then(() => {
        const owed = this.#deps.mailboxes.ledgers.some((ledger) => !ledger.owed.isEmpty);
        if (owed) onChange();
      })
      .catch((error: unknown) => this.#reject(error));
  }

  async drained(): Promise<void> {
    await Promise.race([this.queue.drained(), this.failed]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.queue.close();
    await this.#running;
    await this.#headsTaken;
  }

  async #take(heads: Parameters<HeadIntake['take']>[1]): Promise<void> {
    for (const restoration of await this.#deps.heads.take(this.#source, heads)) this.#events.onRestored(restoration);
  }

  /** Has pages read ahead: their signatures are checked while the pages before them are taken. */
  async #readAhead(): Promise<void> {
    for (let item = await this.queue.next(); item !== undefined; item = await this.queue.next()) {
      await this.#reading.whenRoom();
      if (item.kind === 'mark') {
        if (!this.#reading.push(item)) item.reached();
        continue;
      }
      const read = this.#deps.pages.read(this.#source, item.page);
      read.catch(() => undefined); // thrown where it is waited for
      this.#reading.push({ kind: 'page', read, live: item.live });
    }
    this.#reading.close();
  }

  /** What is left when this ends has nobody who would take it: whoever waits for a mark looks at `failed` too. */
  async #store(): Promise<void> {
    try {
      await this.#takeAll();
    } finally {
      this.#reading.close();
      for await (const item of this.#reading) if (item.kind === 'mark') item.reached();
    }
  }

  /** Page after page; a few may be on their way to the disk at once. */
  async #takeAll(): Promise<void> {
    const committing: Promise<void>[] = [];
    for await (const item of this.#reading) {
      if (item.kind === 'mark') {
        await Promise.all(committing.splice(0));
        item.reached();
        continue;
      }
      const { live } = item;
      const taken = await this.#deps.pages.take(this.#source, await item.read);
      const stored = taken.stored.then(() => this.#events.onStored(taken.count, live));
      // At once: nobody waits for what came live.
      stored.catch((error: unknown) => {
        this.#events.onBroken();
        this.#reject(error);
      });
      committing.push(stored);
      // What came live and large has its body fetched once its entry is on disk; after a stream all are.
      if (live && taken.pendingBodies > 0) void stored.then(() => this.onOwed()).catch(() => undefined); // a failure is thrown below
      if (taken.floating > 0) this.onOwed();
      if (committing.length >= PAGES_COMMITTING) await committing.shift();
    }
    await Promise.all(committing);
  }
}

type PageBeingRead =
  | { readonly kind: 'page'; readonly read: Promise<ReadPage>; readonly live: boolean }
  | { readonly kind: 'mark'; readonly reached: () => void };
