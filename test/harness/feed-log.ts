/** What tests of a log do to it again and again, and how they look at it. */
import { utf8 } from '../../src/base/index.ts';
import { type CheckProblem, FeedError, type FeedLog } from '../../src/feed/index.ts';
import type { Row, Store, StoreReader } from '../../src/store/index.ts';

export function append(store: Store, log: FeedLog, blocks: readonly Uint8Array[]) {
  return store.transact((transaction) => log.append(transaction, blocks));
}

export function clear(store: Store, log: FeedLog, ...indexes: readonly number[]) {
  return store.transact((transaction) => {
    for (const index of indexes) log.clear(transaction, index);
  });
}

export function someBlocks(count: number, from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => utf8(`block ${from + i}`));
}

export async function problemsOf(store: StoreReader, log: FeedLog): Promise<CheckProblem[]> {
  const problems: CheckProblem[] = [];
  for await (const problem of log.verifyAll(store, {})) problems.push(problem);
  return problems;
}

export function allRows(store: StoreReader): Promise<readonly Row[]> {
  return store.range({ from: Uint8Array.of(0), to: Uint8Array.of(255), limit: 1_000_000 });
}

/** The code of the FeedError that `run` throws, or `accepted`. */
export async function feedCodeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof FeedError) return error.code;
    throw error;
  }
  return 'accepted';
}
