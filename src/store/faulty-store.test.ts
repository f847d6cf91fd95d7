import { describe, expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import { type Fault, FaultyStore } from './faulty-store.ts';
import { MemoryStore } from './memory/index.ts';
import { storeContract } from './store.contract.ts';
import { all, EVERYTHING, texts } from './store-rows.contract.ts';

const NEVER: Fault = { operation: 'any', at: Number.POSITIVE_INFINITY, isLasting: false, code: 'failed' };

storeContract('FaultyStore before its fault', async () => new FaultyStore(new MemoryStore(), NEVER));

describe('FaultyStore', () => {
  test('the second commit fails with nothing written and its rollback run, the third succeeds', async () => {
    await using store = new FaultyStore(new MemoryStore(), { ...NEVER, operation: 'commit', at: 2, code: 'disk_full' });
    let rollbacks = 0;
    const outcomes: string[] = [];
    for (const key of ['a', 'b', 'c']) {
      const commit = store.transact((t) => {
        t.onRollback(() => rollbacks++);
        t.put(utf8(key), utf8(key));
      });
      outcomes.push(
        await commit.then(
          () => 'ok',
          (error) => error.code,
        ),
      );
    }
    expect(outcomes).toEqual(['ok', 'disk_full', 'ok']);
    expect(rollbacks).toBe(1);
    expect(texts(await all(store))).toEqual(['a=a', 'c=c']);
  });

  test('a sweep over a work of three reads and one commit fires four times', async () => {
    let at = 1;
    for (; ; at++) {
      await using store = new FaultyStore(new MemoryStore(), { ...NEVER, at });
      const work = async (): Promise<void> => {
        await store.get(utf8('a'));
        await store.transact(async (t) => {
          await t.getMany([utf8('a')]);
          await t.range(EVERYTHING);
          t.put(utf8('a'), utf8('a'));
        });
      };
      const error = await work().then(
        () => undefined,
        (reason) => reason,
      );
      expect(error?.code).toBe(store.hasFired ? 'failed' : undefined);
      if (!store.hasFired) break;
    }
    expect(at).toBe(5);
  });

  test('a lasting fault fails everything after it', async () => {
    await using store = new FaultyStore(new MemoryStore(), { ...NEVER, operation: 'read', at: 2, isLasting: true });
    await store.get(utf8('a'));
    await expect(store.get(utf8('a'))).rejects.toMatchObject({ code: 'failed' });
    await expect(store.range(EVERYTHING)).rejects.toMatchObject({ code: 'failed' });
    await store.transact((t) => t.put(utf8('a'), utf8('a')));
  });
});
