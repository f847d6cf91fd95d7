import { expect, test } from 'vitest';
import { type ItemResult, ItemStatus, parseFeedId, parseHomeName } from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import type { Moment } from './back-off.ts';
import { keepWanted, readWanted } from './wanted.ts';

const HOUR_MS = 3_600_000;
const origin = parseHomeName('b.example');
const feed = parseFeedId('ab'.repeat(32));
const LATER: ItemResult = { status: ItemStatus.LATER, code: 'over_quota', detail: '' };

async function wantedSince(now: Moment): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.transact((rows) =>
    keepWanted(rows, origin, feed, [7], [LATER], new Map(), { isPulled: true, jitter: 0, now }),
  );
  return store;
}

test('what was put off is due when its time has come, also after a clock that was ahead', async () => {
  const now = { wall: 1_000_000 * HOUR_MS, monotonic: 5 * HOUR_MS };
  const store = await wantedSince(now);
  const { due, nextAt } = await readWanted(store, origin, now);
  expect([due.length, nextAt > now.monotonic]).toEqual([0, true]);
  const { due: then } = await readWanted(store, origin, { wall: now.wall + 2 * HOUR_MS, monotonic: nextAt });
  expect(then.map(({ number }) => number)).toEqual([7]);
  const ahead = await wantedSince({ ...now, wall: now.wall + 10_000 * HOUR_MS });
  expect((await readWanted(ahead, origin, now)).due.map(({ number }) => number)).toEqual([7]);
});
