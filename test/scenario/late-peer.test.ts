/** A peer that answers, and one request so late that it was given up: it means no harm, and goes on being asked. */
import { expect, test } from 'vitest';
import { ManualClock, utf8 } from '../../src/base/index.ts';
import type { WireMessage } from '../../src/feed/wire/index.ts';
import { FeedSite, feedKeys } from '../harness/feed-site.ts';
import { ScriptedPeer } from '../harness/scripted-peer.ts';

const KEYS = feedKeys(1);
const BLOCKS = 200;
const HAVE: WireMessage = { type: 'have', start: 0, length: BLOCKS, bitfield: undefined, ack: false };

test('a peer that is late with one block, so that it is asked for it again and sends it twice, is kept', async () => {
  const clock = new ManualClock(0);
  await using writer = new FeedSite(clock, { seed: 1 });
  const log = await writer.write(KEYS);
  await writer.append(
    log,
    Array.from({ length: BLOCKS }, (_, i) => utf8(`block ${i}`)),
  );
  await using reader = new FeedSite(clock, { seed: 2 });
  const copy = await reader.follow(KEYS);
  const peer = ScriptedPeer.connect(reader.sync);
  await peer.open(KEYS);
  const asked: number[] = [];
  peer.onMessage = (message) => {
    if (message.type === 'request') asked.push(message.index);
  };
  const answer = async (indexes: readonly number[]): Promise<void> => {
    for (const index of indexes) {
      const { nodes, signature } = await log.proof(writer.store, index);
      peer.say({ type: 'data', index, value: await log.getBlock(writer.store, index), nodes, signature });
    }
    await peer.flush();
    for (let turns = 0; turns < 60; turns++) await clock.advance(0);
  };
  peer.say(HAVE);
  await answer([]);
  // How long the feed is.
  await answer(asked.splice(0));
  const last = asked.at(-1) as number;
  for (let seconds = 0; seconds < 22; seconds++) {
    if (seconds === 14) await answer(asked.splice(0, asked.length - 1));
    peer.say({ type: 'info', uploading: true, downloading: undefined });
    await peer.flush();
    await clock.advance(1_000);
  }
  expect(asked.filter((index) => index === last)).toHaveLength(2);
  for (let rounds = 0; rounds < 100 && asked.length > 0; rounds++) await answer(asked.splice(0));
  expect(reader.dropped).toEqual([]);
  expect(copy.heldCount).toBe(BLOCKS);
  await peer.end();
});
