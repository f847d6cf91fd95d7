/** Blocks of a log that ended, into the copy that goes on in its place. */
import { type BlockClaim, FeedError, type FeedLog, isDamage } from '../feed/index.ts';
import type { Store } from '../store/index.ts';

/**
 * Blocks [from, to). Once is as good as twice. What is damaged here, and what is lost, proves nothing and is left out: other
 * nodes may have it, and the copy asks for it.
 */
export async function copyPage(store: Store, log: FeedLog, copy: FeedLog, from: number, to: number): Promise<void> {
  const indexes = Array.from({ length: to - from }, (_, i) => from + i);
  const claims = await claimsOf(store, log, indexes);
  await store.transact((transaction) => copy.accept(transaction, claims));
  const cleared = indexes.filter((index) => log.isCleared(index) && index < copy.length);
  if (cleared.length > 0)
    await store.transact((transaction) => {
      for (const index of cleared) copy.clear(transaction, index);
    });
}

/** One by one where they cannot be read together. */
async function claimsOf(store: Store, log: FeedLog, indexes: readonly number[]): Promise<readonly BlockClaim[]> {
  try {
    const requests = indexes.map((index) => ({ index, digest: 0, withHash: false }));
    const [blocks, proofs] = await Promise.all([log.getBlocks(store, indexes), log.proofs(store, requests)]);
    return indexes.flatMap((index, i): BlockClaim[] => {
      const [block, proof] = [blocks[i], proofs[i]];
      return block === undefined || proof === undefined ? [] : [{ index, block, ...proof }];
    });
  } catch (error) {
    if (!isDamage(error) && !(error instanceof FeedError && error.code === 'corrupt')) throw error;
    if (indexes.length === 1) return [];
  }
  const claims: BlockClaim[] = [];
  for (const index of indexes) claims.push(...(await claimsOf(store, log, [index])));
  return claims;
}
