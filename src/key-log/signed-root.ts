/** Roots that a log's key signed: of a log that is here, and beside it. */
import { type CryptoSuite, equalBytes } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import type { SignedRoot } from '../protocol/index.ts';
import type { StoreReader } from '../store/index.ts';

/** What somebody's word of a log is, beside the log: `ahead` cannot be judged before the log gets there. */
export type RootVerdict = 'same' | 'ahead' | 'forked' | 'unsigned';

const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** undefined: that length was not signed, or the log is shorter. */
export async function signedRootAt(log: FeedLog, reader: StoreReader, length: number): Promise<SignedRoot | undefined> {
  if (length === 0 || length > log.length) return undefined;
  const signature = await log.signature(reader, length);
  return signature === undefined ? undefined : { length, hash: await log.rootHashAt(reader, length), signature };
}

export async function judgeRoot(
  suite: CryptoSuite,
  log: FeedLog,
  reader: StoreReader,
  { hash, length, signature }: SignedRoot,
): Promise<RootVerdict> {
  if (hash.length !== HASH_BYTES || signature.length !== SIGNATURE_BYTES || length < 1) return 'unsigned';
  if (!suite.verify(signature, hash, log.publicKey)) return 'unsigned';
  if (length > log.length) return 'ahead';
  return equalBytes(hash, await log.rootHashAt(reader, length)) ? 'same' : 'forked';
}
