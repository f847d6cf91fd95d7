/** Reads what peers ask for and writes it to them: many blocks by one read, bounded bytes at a time, in the order of asking. */
import { isDamage } from '../feed-check.ts';
import { FeedError } from '../feed-error.ts';
import type { FeedLog } from '../feed-log.ts';
import type { HeldProof } from '../replica-proof.ts';
import type { FeedStore } from './feed-store.ts';
import { ANSWER_BATCH_MAX, ANSWER_BYTES_MAX } from './limits.ts';
import type { Answer, PeerLink } from './peer-link.ts';

/** The log of a feed that is still shared. */
export type FindLog = (feed: Answer['feed']) => FeedLog | undefined;

interface Read {
  readonly answers: readonly Answer[];
  readonly proofs: readonly (HeldProof | undefined)[];
  readonly blocks: readonly (Uint8Array | undefined)[];
}

/** Until nothing is asked for any more, or the peer is gone. The next blocks are read while the last are written. */
export async function answerAll(link: PeerLink, store: FeedStore, findLog: FindLog): Promise<void> {
  let reading: Promise<Read> | undefined;
  for (;;) {
    await link.whenRoom();
    const answers = link.isEnded ? [] : takeOfOneFeed(link);
    const [first] = answers;
    const log = first === undefined ? undefined : findLog(first.feed);
    const next = log === undefined ? undefined : read(link, store, log, answers);
    // Whoever awaits it comes later; a failure is theirs all the same.
    next?.catch(() => undefined);
    if (reading !== undefined) write(link, await reading);
    reading = next;
    // More may have been asked for while the last was read: nobody else begins before this ends.
    if (reading === undefined && (link.isEnded || link.answers.length === 0)) return;
  }
}

function takeOfOneFeed(link: PeerLink): readonly Answer[] {
  const { answers } = link;
  const most = Math.min(answers.length, ANSWER_BATCH_MAX, Math.max(1, Math.floor(ANSWER_BYTES_MAX / link.meanBytes)));
  let count = 0;
  while (count < most && answers[count]?.feed === answers[0]?.feed) count += 1;
  link.answers = answers.slice(count);
  return answers.slice(0, count);
}

/** What is damaged here is answered as what is not: one block that cannot be read must not keep the peer from the others. */
async function read(link: PeerLink, store: FeedStore, log: FeedLog, asked: readonly Answer[]): Promise<Read> {
  try {
    return await readTogether(link, store, log, asked);
  } catch (error) {
    if (!isDamage(error) && !(error instanceof FeedError && error.code === 'corrupt')) throw error;
    if (asked.length === 1) return { answers: asked, proofs: [], blocks: [] };
  }
  const half = Math.ceil(asked.length / 2);
  link.answers = [...asked.slice(half), ...link.answers];
  return read(link, store, log, asked.slice(0, half));
}

async function readTogether(link: PeerLink, store: FeedStore, log: FeedLog, asked: readonly Answer[]): Promise<Read> {
  const reader = store.readerOf(log);
  const requests = asked.map(({ request }) => ({
    index: request.index,
    digest: request.digest,
    withHash: request.hash,
  }));
  const indexes = asked.map(({ request }) => request.index);
  // The size of each block is known from the tree before the blocks are read; one alone fits anyway.
  const [proofs, count, first] = await Promise.all([
    log.proofs(reader, requests),
    asked.length === 1 ? 1 : fitting(log, store, indexes),
    asked.length === 1 ? log.getBlocks(reader, indexes) : undefined,
  ]);
  const blocks = first ?? (await log.getBlocks(reader, indexes.slice(0, count)));
  if (count < asked.length) link.answers = [...asked.slice(count), ...link.answers];
  link.meanBytes = Math.max(1, blocks.reduce((sum, block) => sum + (block?.length ?? 0), 0) / count);
  return { answers: asked.slice(0, count), proofs, blocks };
}

/** How many of the blocks are read at a time. */
async function fitting(log: FeedLog, store: FeedStore, indexes: readonly number[]): Promise<number> {
  const leaves = await log.getNodes(
    store.readerOf(log),
    indexes.map((index) => 2 * index),
  );
  let count = 0;
  for (let bytes = 0; count < indexes.length && bytes < ANSWER_BYTES_MAX; count++) bytes += leaves[count]?.size ?? 0;
  return count;
}

function write(link: PeerLink, { answers, proofs, blocks }: Read): void {
  for (const [i, { channel, request }] of answers.entries()) {
    const { index, hash } = request;
    const [proof, value] = [proofs[i], hash ? undefined : blocks[i]];
    if (proof === undefined || (value === undefined && !hash))
      link.write(channel, { type: 'unhave', start: index, length: 1 });
    else link.write(channel, { type: 'data', index, value, nodes: proof.nodes, signature: proof.signature });
  }
  link.flush();
}
