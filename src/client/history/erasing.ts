/** Asking the home to erase what a person deleted here, and notes that a snapshot made superfluous. */
import { fromHex, readUint64, toBase64, toHex } from '../../base/index.ts';
import { type FeedId, parseFeedId } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { type NodeConnection, refusalOf } from '../connection/index.ts';
import { ERASURES } from '../keys.ts';
import { lastClaimOf } from '../ledger/index.ts';
import { ERASE_RANGES, SCAN_ROWS } from '../limits.ts';
import { runsOf } from '../mail/number-set.ts';
import type { NotePlace } from '../notes/note-body.ts';
import type { Mailboxes } from './mailboxes.ts';

export interface ErasingDeps {
  readonly store: Store;
  readonly mailboxes: Pick<Mailboxes, 'of'>;
}

type Range = Pick<NotePlace, 'from' | 'to'>;

interface Wish {
  readonly key: Uint8Array;
  readonly number: number;
}

export class Erasing {
  readonly #deps: ErasingDeps;

  constructor(deps: ErasingDeps) {
    this.#deps = deps;
  }

  /** Erases what is wished for; a wish is forgotten once the home has done it. */
  async run(connection: NodeConnection): Promise<void> {
    const { store } = this.#deps;
    for (let { from } = ERASURES; ; ) {
      const rows = await store.range({ from, to: ERASURES.to, limit: SCAN_ROWS });
      const wishes = new Map<FeedId, Wish[]>();
      for (const { key } of rows) {
        const feed = parseFeedId(toHex(key.subarray(1, 33)));
        wishes.set(feed, [...(wishes.get(feed) ?? []), { key, number: readUint64(key, 33) }]);
      }
      for (const [feed, wished] of wishes) await this.#grant(connection, feed, wished);
      const last = rows.at(-1);
      if (last === undefined || rows.length < SCAN_ROWS) return;
      from = Uint8Array.of(...last.key, 0);
    }
  }

  async supersede(connection: NodeConnection, places: readonly NotePlace[]): Promise<void> {
    for (const feed of new Set(places.map((place) => place.feed))) {
      const end = this.#endOf(connection, feed);
      const ranges = places
        .filter((place) => place.feed === feed && place.from <= end)
        .map(({ from, to }) => ({ from, to: Math.min(to, end) }));
      await erase(connection, feed, ranges, true);
    }
  }

  async #grant(connection: NodeConnection, feed: FeedId, wished: readonly Wish[]): Promise<void> {
    const end = this.#endOf(connection, feed);
    const within = wished.filter(({ number }) => number <= end);
    const ranges = runsOf(within.map(({ number }) => number)).map(([from, to]) => ({ from, to }));
    if (within.length === 0 || !(await erase(connection, feed, ranges, false))) return;
    await this.#deps.store.transact(async (transaction) => {
      for (const { key } of within) transaction.delete(key);
    });
  }

  /** What lies beyond it this node may get yet; in one request with it, it refuses all the others. */
  #endOf(connection: NodeConnection, feed: FeedId): number {
    return lastClaimOf(this.#deps.mailboxes.of(feed).verified, toBase64(connection.info.node))?.number ?? 0;
  }
}

/** Whether the node has done it all: what it refuses it may do later, or another node. */
async function erase(
  connection: NodeConnection,
  feed: FeedId,
  ranges: readonly Range[],
  superseded: boolean,
): Promise<boolean> {
  let isDone = true;
  for (let i = 0; i < ranges.length; i += ERASE_RANGES) {
    const numbers = ranges.slice(i, i + ERASE_RANGES);
    try {
      await connection.request('done', (request) => ({
        oneofKind: 'erase',
        erase: { request, feed: fromHex(feed), numbers, superseded },
      }));
    } catch (error) {
      if (refusalOf(error) === undefined) throw error;
      isDone = false;
    }
  }
  return isDone;
}
