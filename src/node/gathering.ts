/**
 * Large attachments between homes (docs/protocol/blobs.md): what another home's mail names is fetched from it, piece by
 * piece, into our own feed, so that it is here as long as the mail; and what our people's mail names is given to the homes
 * that get it. A fetch that fails goes on where it stopped when the mail is sent again.
 */
import { type Clock, type CryptoSuite, fromHex, type Log, Scope } from '../base/index.ts';
import { type AskPiece, type AttachmentPort, FederationError } from '../federation/index.ts';
import type { FeedLog } from '../feed/index.ts';
import {
  type Address,
  type Attached,
  chunkCountOf,
  chunksIn,
  decodeEntryHeader,
  type FeedId,
  type HomeName,
  homeOf,
  parsePdu,
} from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import { findPiece, isComplete, piecesHeld, referring } from './attachments.ts';
import type { Blobs } from './blobs.ts';
import { GATHERED_AT_ONCE_MAX, PIECES_ASKED_AT_ONCE } from './limits.ts';
import { readableBlock } from './readable.ts';
import { ViewBuffer } from './view-buffer.ts';

export interface GatheringDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly log: Log;
  readonly store: Store;
  readonly feeds: ReadonlyMap<FeedId, FeedLog>;
  readonly blobs: Pick<Blobs, 'take'>;
}

export class Gathering implements AttachmentPort, AsyncDisposable {
  readonly #deps: GatheringDeps;
  readonly #scope: Scope;
  /** By chunk list. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(deps: GatheringDeps) {
    this.#deps = deps;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'fetching an attachment failed'));
  }

  async piece(origin: HomeName, list: string, number: number): Promise<Uint8Array | undefined> {
    const { feeds, store } = this.#deps;
    const name = fromHex(list);
    if (!(await this.#isFor(origin, name))) return undefined;
    const place = await findPiece(this.#deps, store, name, number);
    return place && readableBlock(store, feeds.get(place.feed), place.index);
  }

  async gather(account: Address, attached: readonly Attached[], ask: AskPiece, waitMs: number): Promise<boolean> {
    if (await this.#areHere(attached)) return true;
    const fetching = attached.map((one) => this.#begin(account, one, ask));
    if (waitMs === 0) return false;
    const { signal } = this.#scope;
    const timer = new AbortController();
    const late = this.#deps.clock.sleep(waitMs, AbortSignal.any([signal, timer.signal])).catch(() => undefined); // come, or stopped
    await Promise.race([Promise.all(fetching), late]);
    timer.abort();
    return this.#areHere(attached);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  #areHere(attached: readonly Attached[]): Promise<boolean> {
    return this.#deps.store.transact((transaction) => isComplete(this.#deps, new ViewBuffer(transaction), attached));
  }

  /** Whether a mail that names the list is for somebody of that home. */
  async #isFor(origin: HomeName, list: Uint8Array): Promise<boolean> {
    const { feeds, store, suite } = this.#deps;
    for await (const page of referring(store, list))
      for (const { feed, index } of page) {
        const block = await readableBlock(store, feeds.get(feed), index);
        if (block === undefined) continue;
        const { recipients } = parsePdu(suite, decodeEntryHeader(block).pdu);
        if (recipients.some((recipient) => homeOf(recipient) === origin)) return true;
      }
    return false;
  }

  /** Resolves when it has ended, well or not. */
  #begin(account: Address, attached: Attached, ask: AskPiece): Promise<void> {
    const { list } = attached;
    const twin = this.#underWay.get(list);
    if (twin !== undefined || this.#underWay.size >= GATHERED_AT_ONCE_MAX) return twin ?? Promise.resolve();
    let ended: () => void = () => undefined;
    const fetching = new Promise<void>((resolve) => {
      ended = resolve;
    });
    this.#underWay.set(list, fetching);
    this.#scope.spawn('fetching an attachment', async (signal) => {
      try {
        await this.#fetch(account, attached, ask, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        this.#deps.log.info({ error, list }, 'an attachment of another home cannot be fetched now');
      } finally {
        this.#underWay.delete(list);
        ended();
      }
    });
    return fetching;
  }

  async #fetch(account: Address, { list, size }: Attached, ask: AskPiece, signal: AbortSignal): Promise<void> {
    const { blobs, store } = this.#deps;
    const name = fromHex(list);
    const count = chunkCountOf(size) ?? 0;
    const held = new Set<number>();
    for await (const number of piecesHeld(this.#deps, store, name)) held.add(number);
    const take = async (number: number): Promise<void> => {
      if (held.has(number)) return;
      const body = await ask(list, number, signal);
      if (number === 0 && chunksIn(body) !== count) throw wrong(list, 'its list names another number of chunks');
      const taken = await blobs.take(account, { list: name, number, body });
      if (taken.status !== 'ok' && taken.status !== 'duplicate') throw wrong(list, `piece ${number}: ${taken.status}`);
    };
    await take(0);
    let next = 1;
    const work = async (): Promise<void> => {
      for (let number = next++; number <= count; number = next++) await take(number);
    };
    await Promise.all(Array.from({ length: PIECES_ASKED_AT_ONCE }, work));
  }
}

function wrong(list: string, why: string): FederationError {
  return new FederationError('bad_answer', `the attachment ${list} cannot be taken: ${why}`);
}
