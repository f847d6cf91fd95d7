/** Reads what peers ask for and writes it to them: many blocks by one read, bounded bytes at a time. */
import type { StoreReader } from '../../store/index.ts';
import type { FeedLog } from '../feed-log.ts';
import type { FeedStore } from './feed-store.ts';
import { ANSWER_BATCH_MAX, ANSWER_BYTES_MAX } from './limits.ts';
import type { Answer, PeerLink } from './peer-link.ts';

/** The log of a feed that is still shared. */
export type FindLog = (feed: Answer['feed']) => FeedLog | undefined;

/** Until nothing is asked for any more, or the peer is gone. */
export async function answerAll(link: PeerLink, store: FeedStore, findLog: FindLog): Promise<void> {
  while (!link.isEnded) {
    await link.whenRoom();
    const answers = takeOfOneFeed(link);
    const [first] = answers;
    if (first === undefined) return;
    const log = findLog(first.feed);
    if (log !== undefined) await answer(link, store.readerOf(log), log, answers);
    link.flush();
  }
}

function takeOfOneFeed(link: PeerLink): readonly Answer[] {
  const { answers } = link;
  let count = 0;
  while (count < Math.min(answers.length, ANSWER_BATCH_MAX) && answers[count]?.feed === answers[0]?.feed) count += 1;
  link.answers = answers.slice(count);
  return answers.slice(0, count);
}

async function answer(link: PeerLink, reader: StoreReader, log: FeedLog, answers: readonly Answer[]): Promise<void> {
  // The size of each block is known from the tree before the blocks are read.
  const [proofs, leaves] = await Promise.all([
    log.proofs(
      reader,
      answers.map(({ request }) => ({ index: request.index, digest: request.digest, withHash: request.hash })),
    ),
    log.getNodes(
      reader,
      answers.map(({ request }) => 2 * request.index),
    ),
  ]);
  for (let from = 0; from < answers.length; ) {
    let to = from;
    for (let bytes = 0; to < answers.length && bytes < ANSWER_BYTES_MAX; to++) bytes += leaves[to]?.size ?? 0;
    const piece = answers.slice(from, to);
    const blocks = await log.getBlocks(
      reader,
      piece.map(({ request }) => request.index),
    );
    for (const [i, { channel, request }] of piece.entries()) {
      const { index, hash } = request;
      const [proof, value] = [proofs[from + i], hash ? undefined : blocks[i]];
      if (proof === undefined || (value === undefined && !hash))
        link.write(channel, { type: 'unhave', start: index, length: 1 });
      else link.write(channel, { type: 'data', index, value, nodes: proof.nodes, signature: proof.signature });
    }
    from = to;
    link.flush();
    await link.whenRoom();
    if (link.isEnded) return;
  }
}
