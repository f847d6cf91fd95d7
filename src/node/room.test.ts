import { expect, test } from 'vitest';
import { ManualClock, SILENT_LOG } from '../base/index.ts';
import { ROOM_INTERVAL_MS } from './limits.ts';
import { type DiskSpace, Room } from './room.ts';

const MiB = 1024 * 1024;

function setup(totalBytes = 100_000 * MiB) {
  const clock = new ManualClock(0);
  let space: DiskSpace = { freeBytes: totalBytes, totalBytes };
  const room = new Room(
    { clock, log: SILENT_LOG, disk: { space: async () => space } },
    { reserveBytes: 512 * MiB, reserveShare: 0.05 },
  );
  const stop = new AbortController();
  const running = room.run(stop.signal).catch(() => undefined);
  return {
    room,
    async leave(freeBytes: number): Promise<void> {
      space = { freeBytes, totalBytes };
      await clock.advance(ROOM_INTERVAL_MS);
    },
    clock,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

test('below the reserve nothing new is taken, until there is clearly more than that', async () => {
  await using world = setup();
  await world.leave(512 * MiB);
  expect(world.room.isLow).toBe(false);
  await world.leave(511 * MiB);
  expect(world.room.isLow).toBe(true);
  expect(world.room.problem).toContain('511 MiB are left');
  await world.leave(600 * MiB);
  expect(world.room.isLow).toBe(true);
  await world.leave(700 * MiB);
  expect(world.room.isLow).toBe(false);
  expect(world.room.problem).toBeUndefined();
});

test('a small disk is not all reserve', async () => {
  await using world = setup(1_000 * MiB);
  await world.leave(51 * MiB);
  expect(world.room.isLow).toBe(false);
  await world.leave(49 * MiB);
  expect(world.room.isLow).toBe(true);
});

test('a commit that found no room counts until the next look', async () => {
  await using world = setup();
  await world.leave(1_000 * MiB);
  world.room.foundNone();
  expect(world.room.isLow).toBe(true);
  await world.leave(1_000 * MiB);
  expect(world.room.isLow).toBe(false);
});

test('of a disk that is not ours, a commit tells, and after a while another may try', async () => {
  const room = new Room(
    { clock: new ManualClock(0), log: SILENT_LOG, disk: undefined },
    { reserveBytes: MiB, reserveShare: 1 },
  );
  room.foundNone();
  expect(room.isLow).toBe(true);
  await room.look();
  expect(room.isLow).toBe(false);
});
