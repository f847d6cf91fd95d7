/**
 * Bodies that did not come with their entry: large ones, and those a node served wrong or owed. Newest first, a few at
 * once. What this node does not have is left for another.
 */
import { type Clock, type CryptoSuite, fromHex, type Log, readUint64, toHex } from '../../base/index.ts';
import { BodyState, type FeedId, parseFeedId, parsePdu } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { Alarms } from '../alarms.ts';
import type { AnswerOf, Numbered } from '../connection/index.ts';
import { entryKey, PENDING_BODIES, pendingBodyKey } from '../keys.ts';
import { FETCHES_IN_FLIGHT, SCAN_ROWS } from '../limits.ts';
import { decodeEntryRow, encodeEntryRow } from '../mail/entry-row.ts';
import { isBodyOf } from './entry-judge.ts';
import { storeBody } from './held-entry.ts';
import { expire, type Mailboxes } from './mailboxes.ts';

/** A node, as far as bodies are asked of it. */
export interface BodySource {
  readonly connection: { request(kind: 'body', compose: (request: number) => Numbered): Promise<AnswerOf<'body'>> };
  /** Its name. */
  readonly node: string;
}

export interface FetcherDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly alarms: Alarms;
  readonly mailboxes: Mailboxes;
  readonly onStored: () => void;
}

interface Wanted {
  readonly feed: FeedId;
  readonly number: number;
}

export class BodyFetcher {
  readonly #deps: FetcherDeps;

  constructor(deps: FetcherDeps) {
    this.#deps = deps;
  }

  async pendingCount(): Promise<number> {
    let count = 0;
    for await (const page of this.#pages()) count += page.length;
    return count;
  }

  /** Asks the node for every body that is pending. Returns how many came. */
  async run(source: BodySource, signal: AbortSignal): Promise<number> {
    let fetched = 0;
    for await (const page of this.#pages())
      for (let i = 0; i < page.length; i += FETCHES_IN_FLIGHT) {
        signal.throwIfAborted();
        const some = page.slice(i, i + FETCHES_IN_FLIGHT).map((wanted) => this.#fetch(source, wanted));
        fetched += (await Promise.all(some)).filter((came) => came).length;
      }
    return fetched;
  }

  async *#pages(): AsyncGenerator<readonly Wanted[]> {
    for (let { to } = PENDING_BODIES; ; ) {
      const rows = await this.#deps.store.range({ from: PENDING_BODIES.from, to, limit: SCAN_ROWS, reverse: true });
      yield rows.map(({ key }) => ({ feed: parseFeedId(toHex(key.subarray(1, 33))), number: readUint64(key, 33) }));
      const last = rows.at(-1);
      if (last === undefined || rows.length < SCAN_ROWS) return;
      to = last.key;
    }
  }

  async #fetch({ connection, node }: BodySource, { feed, number }: Wanted): Promise<boolean> {
    const { alarms, store, suite } = this.#deps;
    const { body } = await connection.request('body', (request) => ({
      oneofKind: 'fetch',
      fetch: { request, feed: fromHex(feed), number },
    }));
    if (body.state === BodyState.ERASED) {
      await this.#markErased(feed, number);
      return false;
    }
    if (body.state !== BodyState.INLINE) return false;
    const value = await store.get(entryKey(feed, number));
    if (value === undefined) return false;
    const pdu = parsePdu(suite, decodeEntryRow(value).pdu);
    if (!isBodyOf(suite, pdu, body.body)) {
      const detail = `the body of entry ${number} is not the one that its author signed`;
      await alarms.raise({ code: 'wrong_body', subject: `${feed} ${number}`, detail, node });
      return false;
    }
    await store.transact((transaction) => storeBody(transaction, { feed, number }, pdu, body.body));
    this.#deps.onStored();
    return true;
  }

  /** Unless another pass has got it meanwhile from a node that had it still: what is held here stays. */
  async #markErased(feed: FeedId, number: number): Promise<void> {
    const { mailboxes, store } = this.#deps;
    const key = entryKey(feed, number);
    const isLacking = isPending(await store.get(key));
    const before = mailboxes.of(feed);
    const mailbox = isLacking ? { ...before, ledger: expire(before.ledger, number) } : before;
    mailboxes.set(mailbox);
    await store.transact(async (transaction) => {
      const value = await transaction.get(key);
      if (isPending(value)) transaction.put(key, encodeEntryRow({ ...decodeEntryRow(value), bodyState: 'erased' }));
      transaction.delete(pendingBodyKey(feed, number));
      mailboxes.write(transaction, mailbox);
    });
  }
}

function isPending(row: Uint8Array | undefined): row is Uint8Array {
  return row !== undefined && decodeEntryRow(row).bodyState === 'pending';
}
