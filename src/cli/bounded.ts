/** Work on a long source, several items at once, bounded in number and bytes: memory stays flat however long it is. */

export interface Bounds<Item> {
  readonly itemsMax: number;
  readonly bytesMax: number;
  readonly sizeOf: (item: Item) => number;
}

/**
 * Runs `work` on every item of `source`. The first failure stops the source; what is under way is waited for, then it is
 * thrown. An abort is such a failure.
 */
export async function forEachBounded<Item>(
  source: AsyncIterable<Item>,
  { itemsMax, bytesMax, sizeOf }: Bounds<Item>,
  signal: AbortSignal,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let bytes = 0;
  for await (const item of source) {
    const size = sizeOf(item);
    while (underWay.size >= itemsMax || (underWay.size > 0 && bytes + size > bytesMax)) await Promise.race(underWay);
    if (failures.length > 0 || signal.aborted) break;
    bytes += size;
    const task: Promise<void> = work(item)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => {
        bytes -= size;
        underWay.delete(task);
      });
    underWay.add(task);
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
  signal.throwIfAborted();
}
