/**
 * Where an entry stands in what is numbered in the order of its feed's blocks, a mailbox or an outbox: found by halving. All
 * that is sought is sought at once, so that a page of entries takes as many reads as one, which a database that is a network
 * away feels.
 */
import type { StoreReader } from '../store/index.ts';

export interface Sought {
  /** Block index of the header block. */
  readonly index: number;
  /** It is among the numbers 1 to here. */
  readonly count: number;
  readonly keyOf: (number: number) => Uint8Array;
}

interface Search {
  readonly sought: Sought;
  low: number;
  high: number;
  number: number | undefined;
}

/** The numbers in the order of what is sought; undefined where it has none. */
export async function numbersOf(
  reader: Pick<StoreReader, 'getMany'>,
  sought: readonly Sought[],
  indexOf: (row: Uint8Array) => number,
): Promise<readonly (number | undefined)[]> {
  const searches = sought.map((one): Search => ({ sought: one, low: 1, high: one.count, number: undefined }));
  for (;;) {
    const open = searches.filter(({ high, low, number }) => number === undefined && low <= high);
    if (open.length === 0) return searches.map(({ number }) => number);
    const rows = await reader.getMany(open.map((search) => search.sought.keyOf(middleOf(search))));
    for (const [i, search] of open.entries()) {
      const row = rows[i];
      const middle = middleOf(search);
      const found = row === undefined ? -1 : indexOf(row);
      if (found === search.sought.index) search.number = middle;
      else if (found < search.sought.index) search.low = middle + 1;
      else search.high = middle - 1;
    }
  }
}

function middleOf({ high, low }: Search): number {
  return Math.floor((low + high) / 2);
}
