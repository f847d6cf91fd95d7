/** Asking the home to erase what a person deleted here, and notes that a snapshot made superfluous. */
import { fromHex, readUint64, toHex } from '../../base/index.ts';
import { type FeedId, parseFeedId } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { type NodeConnection, refusalOf } from '../connection/index.ts';
import { ERASURES } from '../keys.ts';
import { ERASE_RANGES, SCAN_ROWS } from '../limits.ts';
import { runsOf } from '../mail/number-set.ts';
import type { NotePlace } from '../notes/note-body.ts';

export class Erasing {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Erases what is wished for; a wish is forgotten once the home has answered. */
  async run(connection: NodeConnection): Promise<void> {
    for (;;) {
      const rows = await this.#store.range({ ...ERASURES, limit: SCAN_ROWS });
      if (rows.length === 0) return;
      const numbers = new Map<FeedId, number[]>();
      for (const { key } of rows) {
        const feed = parseFeedId(toHex(key.subarray(1, 33)));
        numbers.set(feed, [...(numbers.get(feed) ?? []), readUint64(key, 33)]);
      }
      for (const [feed, wished] of numbers)
        await erase(
          connection,
          feed,
          runsOf(wished).map(([from, to]) => ({ from, to })),
          false,
        );
      await this.#store.transact((transaction) => {
        for (const { key } of rows) transaction.delete(key);
      });
    }
  }

  async supersede(connection: NodeConnection, places: readonly NotePlace[]): Promise<void> {
    for (const feed of new Set(places.map((place) => place.feed))) {
      const ranges = places.filter((place) => place.feed === feed).map(({ from, to }) => ({ from, to }));
      await erase(connection, feed, ranges, true);
    }
  }
}

async function erase(
  connection: NodeConnection,
  feed: FeedId,
  ranges: readonly { readonly from: number; readonly to: number }[],
  superseded: boolean,
): Promise<void> {
  for (let i = 0; i < ranges.length; i += ERASE_RANGES) {
    const numbers = ranges.slice(i, i + ERASE_RANGES);
    try {
      await connection.request('done', (request) => ({
        oneofKind: 'erase',
        erase: { request, feed: fromHex(feed), numbers, superseded },
      }));
    } catch (error) {
      // A feed that ended, or numbers beyond its end: there is nothing to erase there.
      if (refusalOf(error) === undefined) throw error;
    }
  }
}
