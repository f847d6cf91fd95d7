import { describe, expect, test } from 'vitest';
import { ManualClock, Scope, SILENT_LOG } from '../../base/index.ts';
import { type Pdu, parseFeedId } from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import type { Committed } from '../ports.ts';
import { Announcer } from './announcer.ts';
import { ANNOUNCE_RETRY_MS, ANNOUNCED_SAVE_MS } from './limits.ts';

/** A node that commits one block at a time, and a federation that may be gone meanwhile. */
function setup() {
  const clock = new ManualClock(0);
  const store = new MemoryStore();
  const committed: Committed[] = [];
  const announced: number[] = [];
  const faults: Error[] = [];
  let scope: Scope | undefined;
  let announcer: Announcer | undefined;
  const commits = {
    feed: parseFeedId('ab'.repeat(32)),
    after: async (block: number) => committed[block] ?? { from: block, to: block, pdus: [] },
  };
  const announce = async (pdus: readonly Pdu[]): Promise<void> => {
    const fault = faults.pop();
    if (fault !== undefined) throw fault;
    announced.push(...pdus.map(({ depth }) => depth));
  };
  return {
    clock,
    announced,
    faults,
    start: async () => {
      scope = new Scope((_, error) => {
        throw error;
      });
      announcer = await Announcer.open({ clock, store, log: SILENT_LOG, commits, announce });
      const opened = announcer;
      scope.spawn('announcing', (signal) => opened.run(signal));
      await clock.advance(0);
    },
    stop: async () => {
      await scope?.[Symbol.asyncDispose]();
      announcer = undefined;
    },
    commit: async () => {
      const from = committed.length;
      // Told apart by a number; nothing else of it is looked at.
      const commit = { from, to: from + 1, pdus: [{ depth: from } as Pdu] };
      committed.push(commit);
      announcer?.committed(commit);
      await clock.advance(0);
    },
  };
}

describe('what is committed', () => {
  test('is announced once and in order', async () => {
    const home = setup();
    await home.start();
    await home.commit();
    await home.commit();
    expect(home.announced).toEqual([0, 1]);
    await home.stop();
  });

  test('while nobody announced is announced at the next start', async () => {
    const home = setup();
    await home.commit();
    await home.commit();
    await home.start();
    expect(home.announced).toEqual([0, 1]);
    await home.stop();
  });

  test('before the place that was saved is not announced again, and what came after is', async () => {
    const home = setup();
    await home.start();
    await home.commit();
    await home.clock.advance(ANNOUNCED_SAVE_MS);
    await home.commit();
    await home.commit();
    await home.stop();
    await home.start();
    expect(home.announced).toEqual([0, 1, 2, 2]);
    await home.stop();
  });

  test('is announced after the disk failed, and what follows it waits', async () => {
    const home = setup();
    await home.start();
    home.faults.push(new Error('the disk is full'));
    await home.commit();
    await home.commit();
    expect(home.announced).toEqual([]);
    await home.clock.advance(ANNOUNCE_RETRY_MS);
    expect(home.announced).toEqual([0, 1]);
    await home.stop();
  });
});
