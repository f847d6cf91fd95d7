/** A page of a key log as it is answered, by its writer and by those who follow it alike. */
import { type CryptoSuite, invariant } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import { KEY_LOG_PAGE_RECORDS_MAX, type KeyLogPage, type SignedRoot } from '../protocol/index.ts';
import type { StoreReader } from '../store/index.ts';
import { signedRootAt } from './signed-root.ts';

/**
 * What follows the first `after` blocks, up to a length that the log's key signed. There always is one within a page: the
 * writer signs every length, and who follows it has a signature at the end of each page.
 */
export async function readKeyLogPage(
  suite: CryptoSuite,
  log: FeedLog,
  reader: StoreReader,
  after: number,
  disputed: readonly SignedRoot[] = [],
): Promise<KeyLogPage> {
  const { length } = log;
  const page = { keyLog: log.publicKey, blocks: [], disputed: [...disputed] };
  if (length === 0) return page;
  if (after >= length) {
    const root = await signedRootAt(suite, log, reader, length);
    invariant(root !== undefined, 'the last length of a log is signed');
    return { ...page, root, ...(after === length ? { base: root } : {}) };
  }
  const to = await log.signedLength(reader, after, Math.min(length, after + KEY_LOG_PAGE_RECORDS_MAX));
  invariant(to !== undefined, 'a length within every page of a key log is signed');
  const [base, root] = [await signedRootAt(suite, log, reader, after), await signedRootAt(suite, log, reader, to)];
  const blocks = await log.getBlocks(
    reader,
    Array.from({ length: to - after }, (_, i) => after + i),
  );
  return {
    ...page,
    ...(base === undefined ? {} : { base }),
    ...(root === undefined ? {} : { root }),
    blocks: blocks.filter((block) => block !== undefined),
  };
}
