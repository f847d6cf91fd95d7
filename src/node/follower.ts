/**
 * Live push to one session: for each feed a number up to which everything was pushed; whatever the views hold beyond it is
 * read from the store and sent, also of feeds that came to this node since. A wake is only a hint, so a lost one costs until the next sweep and nothing more.
 */

import { fromHex } from '../base/index.ts';
import { type Address, BodyState, type FeedId, type NodeMessage } from '../protocol/index.ts';
import type { MailboxReader } from './mailbox-reader.ts';

export interface FollowerDeps {
  readonly reader: MailboxReader;
  /** Sends with back-pressure; rejects when the session is gone. */
  readonly send: (message: NodeMessage) => Promise<void>;
}

export class Follower {
  readonly #deps: FollowerDeps;
  readonly #address: Address;
  readonly #headersOnly: boolean;
  readonly #pushedTo: Map<FeedId, number>;
  #dirty = false;
  #insists = false;
  #wake: (() => void) | undefined;

  constructor(
    deps: FollowerDeps,
    options: { readonly address: Address; readonly headersOnly: boolean; readonly after: ReadonlyMap<FeedId, number> },
  ) {
    this.#deps = deps;
    this.#address = options.address;
    this.#headersOnly = options.headersOnly;
    this.#pushedTo = new Map(options.after);
  }

  /**
   * Something may have come. Cheap: many wakes while one push runs are one more look. An entry of another node whose body
   * is still on its way waits for it, until somebody `insists`: then the header goes alone.
   */
  wake(insists = false): void {
    this.#dirty = true;
    this.#insists ||= insists;
    this.#wake?.();
    this.#wake = undefined;
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake?.();
    signal.addEventListener('abort', stop);
    try {
      while (!signal.aborted) {
        if (!this.#dirty)
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        const insists = this.#insists;
        this.#dirty = false;
        this.#insists = false;
        for (const feed of this.#deps.reader.feeds) await this.#push(feed, insists, signal);
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #push(feed: FeedId, insists: boolean, signal: AbortSignal): Promise<void> {
    const { reader, send } = this.#deps;
    const { number: head } = await reader.state(this.#address, feed);
    for (let after = this.#pushedTo.get(feed) ?? 0; after < head && !signal.aborted; ) {
      const page = await reader.page({
        address: this.#address,
        feed,
        from: after + 1,
        to: head,
        newestFirst: false,
        headersOnly: this.#headersOnly,
      });
      const owed = insists ? -1 : page.findIndex(({ bodyState }) => bodyState === BodyState.OWED);
      const entries = owed === -1 ? page : page.slice(0, owed);
      if (entries.length > 0)
        await send({ oneofKind: 'entries', entries: { request: 0, feed: fromHex(feed), entries } });
      after = entries.at(-1)?.number ?? (owed === -1 ? head : after);
      this.#pushedTo.set(feed, after);
      if (owed !== -1) return;
    }
  }
}
