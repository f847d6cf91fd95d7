/** What was committed is told by the headers of the node's feed alone. */
import { expect, test, vi } from 'vitest';
import { sampleEntryHeader } from '../../test/harness/sample-frames.ts';
import { NobleSuite, SeededPrng, SeededSecureRandom } from '../base/index.ts';
import { createFeedKeys, FeedLog } from '../feed/index.ts';
import { decodeEntryHeader, EntryKind, encodeEntryHeader } from '../protocol/index.ts';
import { MemoryStore } from '../store/index.ts';
import { HeldPdus } from './held-pdus.ts';

const suite = new NobleSuite();
const BODY_BYTES = 1_000;

test('the pieces of a large attachment are passed over, not read, also by a node that has missed hundreds of them', async () => {
  const store = new MemoryStore();
  const keys = createFeedKeys({ suite, random: new SeededSecureRandom(1) });
  const feed = await FeedLog.open({ suite, store }, { prefix: keys.discoveryKey, ...keys });
  const sample = decodeEntryHeader(sampleEntryHeader(new SeededPrng(1)));
  const piece = encodeEntryHeader({ ...sample, kind: EntryKind.BLOB, hasBody: true });
  const pieces = Array.from({ length: 200 }, () => [piece, new Uint8Array(BODY_BYTES)]).flat();
  await store.transact((transaction) => feed.append(transaction, pieces));
  const held = new HeldPdus({
    suite,
    store,
    feeds: new Map([[feed.id, feed]]),
    ours: new Set([feed.id]),
    places: { find: async () => undefined },
  });
  const reads = vi.spyOn(feed, 'getBlocks');
  let place = 0;
  for (;;) {
    const { from, pdus, to } = await held.after(place);
    expect({ from, pdus }).toEqual({ from: place, pdus: [] });
    if (to === place) break;
    place = to;
  }
  expect(place).toBe(pieces.length);
  const bodies = reads.mock.calls.flatMap(([, indexes]) => indexes).filter((index) => index % 2 === 1);
  expect(bodies).toEqual([]);
});
