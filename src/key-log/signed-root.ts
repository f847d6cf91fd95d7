/** Roots that a log's key signed: of a log that is here, and beside it. */
import { type CryptoSuite, concatBytes, equalBytes, readUint32, readUint64, uint64Bytes } from '../base/index.ts';
import { FEED_LENGTH_MAX, type FeedLog, fullRoots, rootHash, type TreeNode } from '../feed/index.ts';
import type { SignedRoot } from '../protocol/index.ts';
import type { StoreReader } from '../store/index.ts';

/**
 * What somebody's word of a log is, beside the log: `ahead` cannot be judged before the log gets there. A signature covers
 * the hash and not the length beside it: a root whose tree does not say the length is `unproven` unless it is the log's.
 */
export type RootVerdict = 'same' | 'ahead' | 'forked' | 'unproven' | 'unsigned';

const HASH_BYTES = 32;
const SIZE_BYTES = 8;
const NODE_BYTES = HASH_BYTES + SIZE_BYTES;
/** The upper half of the first size that is no exact number. */
const SIZE_HIGH_END = 2 ** 21;
const SIGNATURE_BYTES = 64;

/** undefined: that length was not signed, or the log is shorter. */
export async function signedRootAt(
  suite: CryptoSuite,
  log: FeedLog,
  reader: StoreReader,
  length: number,
): Promise<SignedRoot | undefined> {
  if (length === 0 || length > log.length) return undefined;
  const signature = await log.signature(reader, length);
  if (signature === undefined) return undefined;
  const roots = await log.rootsAt(reader, length);
  return { length, hash: rootHash(suite, roots), signature, roots: encodeTreeRoots(roots) };
}

export async function judgeRoot(
  suite: CryptoSuite,
  log: FeedLog,
  reader: StoreReader,
  root: SignedRoot,
): Promise<RootVerdict> {
  const { hash, length, roots, signature } = root;
  if (hash.length !== HASH_BYTES || signature.length !== SIGNATURE_BYTES) return 'unsigned';
  if (length < 1 || length > FEED_LENGTH_MAX) return 'unsigned';
  const isProven = roots.length > 0;
  if (isProven && !isRootOfLength(suite, root)) return 'unsigned';
  if (!suite.verify(signature, hash, log.publicKey)) return 'unsigned';
  if (length > log.length) return isProven ? 'ahead' : 'unproven';
  if (equalBytes(hash, await log.rootHashAt(reader, length))) return 'same';
  return isProven ? 'forked' : 'unproven';
}

/** As SignedRoot carries them: their places follow from the length. */
export function encodeTreeRoots(roots: readonly TreeNode[]): Uint8Array {
  return concatBytes(...roots.flatMap(({ hash, size }) => [hash, uint64Bytes(size)]));
}

function isRootOfLength(suite: CryptoSuite, { hash, length, roots }: SignedRoot): boolean {
  const places = fullRoots(length);
  if (roots.length !== places.length * NODE_BYTES) return false;
  const nodes: TreeNode[] = [];
  for (const [i, index] of places.entries()) {
    const node = roots.subarray(i * NODE_BYTES, (i + 1) * NODE_BYTES);
    if (readUint32(node, HASH_BYTES) >= SIZE_HIGH_END) return false;
    nodes.push({ index, hash: node.subarray(0, HASH_BYTES), size: readUint64(node, HASH_BYTES) });
  }
  return equalBytes(rootHash(suite, nodes), hash);
}
