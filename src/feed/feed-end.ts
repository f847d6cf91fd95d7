/**
 * Mends the end of a feed that cannot be opened any more: its last signature, the nodes below it, or its bitmaps are damaged.
 * Nobody has the log open. Where all of it holds together but the signature, its writer signs once more: the same bytes, for
 * the same history. Elsewhere it is cut where its key has signed what is here; what was cut, others may bring again.
 */
import { type CryptoSuite, equalBytes } from '../base/index.ts';
import type { Store, StoreReader, StoreTransaction } from '../store/index.ts';
import { PAGE_BITS, PAGE_BYTES } from './bitfield.ts';
import { isDamage } from './feed-check.ts';
import { FeedError } from './feed-error.ts';
import { FeedLog, type FeedLogOptions } from './feed-log.ts';
import { FeedKeys, GROUP_BLOCKS, groupEntries, NODE_BYTES, numberOfKey, readNodes } from './feed-rows.ts';
import { fullRoots } from './flat-tree.ts';
import { BITFIELD_PAGES_PER_READ } from './limits.ts';
import { rootHash, type TreeNode } from './merkle.ts';
import { settleTree } from './tree-settle.ts';

export interface FeedEndDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
}

/** What became of it: `cut` also where nothing had to go but bitmaps. */
export type MendedEnd =
  | { readonly kind: 'whole' | 'signed'; readonly length: number }
  | { readonly kind: 'cut'; readonly length: number; readonly lengthBefore: number };

export async function mendEnd(deps: FeedEndDeps, options: FeedLogOptions): Promise<MendedEnd> {
  const { store, suite } = deps;
  try {
    return { kind: 'whole', length: (await FeedLog.open(deps, options)).length };
  } catch (error) {
    if (!isDamage(error) && !(error instanceof FeedError && error.code === 'corrupt')) throw error;
  }
  const keys = new FeedKeys(options.prefix);
  const lengthBefore = await lengthOf(store, keys);
  const { secretKey } = options;
  if (secretKey !== undefined && (await isWhole(deps, options, lengthBefore))) {
    const roots = await rootsAt(store, keys, lengthBefore);
    const signature = suite.sign(rootHash(suite, roots as readonly TreeNode[]), secretKey);
    await store.transact((transaction) => transaction.put(keys.key('signature', lengthBefore), signature));
    if (await opens(deps, options)) return { kind: 'signed', length: lengthBefore };
  }
  const isReplica = options.replica === true;
  const length = await signedLength(deps, keys, { publicKey: options.publicKey, isReplica }, lengthBefore);
  await store.transact((transaction) => cut(transaction, keys, length, isReplica));
  await FeedLog.open(deps, options);
  return { kind: 'cut', length, lengthBefore };
}

async function opens(deps: FeedEndDeps, options: FeedLogOptions): Promise<boolean> {
  try {
    await FeedLog.open(deps, options);
    return true;
  } catch (error) {
    if (error instanceof FeedError && error.code === 'corrupt') return false;
    throw error;
  }
}

/** As far as blocks or signatures go. */
async function lengthOf(store: StoreReader, keys: FeedKeys): Promise<number> {
  const last = async (kind: 'block' | 'signature'): Promise<number | undefined> => {
    const range = { ...keys.range(kind, 0, Number.MAX_SAFE_INTEGER), limit: 1, reverse: true };
    const [row] = await store.range(range).catch((error: unknown) => {
      if (isDamage(error)) return []; // a body that cannot be read: the signatures tell how long the feed is
      throw error;
    });
    return row === undefined ? undefined : numberOfKey(row.key);
  };
  return Math.max(((await last('block')) ?? -1) + 1, (await last('signature')) ?? 0);
}

/** Whether every block and every node is there and they say the same. */
async function isWhole(deps: FeedEndDeps, { prefix, publicKey }: FeedLogOptions, length: number): Promise<boolean> {
  const { store, suite } = deps;
  const keys = new FeedKeys(prefix);
  const stored = await rootsAt(store, keys, length);
  const isCleared = (): boolean => false;
  const feed = { suite, publicKey, keys, length, isSparse: false, isCleared, mayBeCleared: isCleared };
  const { isSettled, nodes } = await settleTree(feed, store, (roots) =>
    roots.every(({ hash, size }, i) => stored[i]?.size === size && equalBytes(stored[i].hash, hash)),
  );
  return isSettled && nodes.length === 0;
}

function rootsAt(store: StoreReader, keys: FeedKeys, length: number): Promise<readonly (TreeNode | undefined)[]> {
  return readNodes(store, keys, fullRoots(length));
}

/** The greatest length at which the feed's key has signed what is here. */
async function signedLength(
  { store, suite }: FeedEndDeps,
  keys: FeedKeys,
  { publicKey, isReplica }: { readonly publicKey: Uint8Array; readonly isReplica: boolean },
  before: number,
): Promise<number> {
  for (let to = before + 1; to > 0; ) {
    const [row] = await store.range({ ...keys.range('signature', 0, to), limit: 1, reverse: true });
    if (row === undefined) return 0;
    to = numberOfKey(row.key);
    const roots = await rootsAt(store, keys, to);
    if (roots.includes(undefined) || !(isReplica || (await hasLastGroup(store, keys, to)))) continue;
    if (suite.verify(row.value, rootHash(suite, roots as readonly TreeNode[]), publicKey)) return to;
  }
  return 0;
}

async function hasLastGroup(store: StoreReader, keys: FeedKeys, length: number): Promise<boolean> {
  const blocks = length % GROUP_BLOCKS;
  if (blocks === 0) return true;
  const row = await store.get(keys.key('tree', Math.floor(length / GROUP_BLOCKS)));
  return row !== undefined && row.length >= NODE_BYTES * groupEntries(blocks);
}

async function cut(transaction: StoreTransaction, keys: FeedKeys, length: number, isReplica: boolean): Promise<void> {
  const beyond = (kind: 'block' | 'signature' | 'tree' | 'holes' | 'held', from: number): void => {
    const { from: first, to } = keys.range(kind, from, Number.MAX_SAFE_INTEGER);
    transaction.deleteRange(first, to);
  };
  beyond('block', length);
  beyond('signature', length + 1);
  beyond('tree', Math.ceil(length / GROUP_BLOCKS));
  const rest = length % GROUP_BLOCKS;
  const group = keys.key('tree', Math.floor(length / GROUP_BLOCKS));
  const row = rest === 0 || isReplica ? undefined : await transaction.get(group);
  if (row !== undefined) transaction.put(group, row.slice(0, NODE_BYTES * groupEntries(rest)));
  for (const kind of ['holes', 'held'] as const) {
    beyond(kind, Math.ceil(length / PAGE_BITS));
    await mendPages(transaction, keys, kind, length);
  }
  // A replica is known by such a page. What it does not name is asked for again.
  const first = keys.key('held', 0);
  if (isReplica && length > 0 && (await transaction.get(first)) === undefined)
    transaction.put(first, new Uint8Array(PAGE_BYTES));
}

/** Pages that are not whole go; the last one says nothing of what is beyond the end. */
async function mendPages(
  transaction: StoreTransaction,
  keys: FeedKeys,
  kind: 'holes' | 'held',
  length: number,
): Promise<void> {
  const end = Math.ceil(length / PAGE_BITS);
  for (let next = 0; next < end; ) {
    const rows = await transaction.range({ ...keys.range(kind, next, end), limit: BITFIELD_PAGES_PER_READ });
    for (const { key, value } of rows) {
      const bits = length - numberOfKey(key) * PAGE_BITS;
      if (value.length !== PAGE_BYTES) transaction.delete(key);
      else if (bits < PAGE_BITS) transaction.put(key, firstBits(value, bits));
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    next = numberOfKey(last.key) + 1;
  }
}

/** Bit 0 is the highest of byte 0, as in a bitfield. */
function firstBits(page: Uint8Array, bits: number): Uint8Array {
  const first = page.slice();
  first.fill(0, Math.ceil(bits / 8));
  const whole = Math.floor(bits / 8);
  if (bits % 8 !== 0) first[whole] = (first[whole] as number) & (0xff00 >> (bits % 8));
  return first;
}
