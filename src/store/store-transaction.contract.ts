/** The part of the Store contract about transactions: atomic, serial, seeing their own writes, telling when durable. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import type { Store, StoreTransaction } from './store.ts';
import { arbitraryScript, runScript } from './store-model.contract.ts';
import { all, EVERYTHING, putAll, text, texts } from './store-rows.contract.ts';

export function transactionContract(open: () => Promise<Store>): void {
  effects(open);
  order(open);
  handles(open);

  test('random transactions agree with a sorted map, whatever is read and wherever they throw', async () => {
    await using store = await open();
    await fc.assert(
      fc.asyncProperty(arbitraryScript, async (script) => {
        await store.transact((t) => t.deleteRange(EVERYTHING.from, EVERYTHING.to));
        await runScript(store, script);
      }),
      { numRuns: 120 },
    );
  }, 60_000);
}

function effects(open: () => Promise<Store>): void {
  test('a transaction that throws has written nothing, and throws what its callback threw', async () => {
    await using store = await open();
    await putAll(store, ['a', 'b']);
    const mistake = new Error('changed my mind');
    const attempt = store.transact(async (t) => {
      t.put(utf8('c'), utf8('c'));
      t.delete(utf8('a'));
      t.deleteRange(utf8('b'), utf8('c'));
      await t.get(utf8('a'));
      throw mistake;
    });
    await expect(attempt).rejects.toBe(mistake);
    const synchronous = store.transact((t) => {
      t.put(utf8('c'), utf8('c'));
      throw mistake;
    });
    await expect(synchronous).rejects.toBe(mistake);
    expect(texts(await all(store))).toEqual(['a=a', 'b=b']);
  });

  test('a transaction reads its own writes; plain reads do not before it is committed', async () => {
    await using store = await open();
    await putAll(store, ['a', 'b', 'd', 'e']);
    await store.transact(async (t) => {
      t.put(utf8('c'), utf8('new'));
      t.put(utf8('a'), utf8('changed'));
      t.delete(utf8('b'));
      expect(texts(await all(t))).toEqual(['a=changed', 'c=new', 'd=d', 'e=e']);
      expect(texts(await t.range({ ...EVERYTHING, reverse: true, limit: 3 }))).toEqual(['e=e', 'd=d', 'c=new']);
      expect(texts(await t.range({ ...EVERYTHING, limit: 2 }))).toEqual(['a=changed', 'c=new']);
      expect((await t.getMany(['a', 'b', 'c', 'd'].map(utf8))).map(text)).toEqual(['changed', '(none)', 'new', 'd']);
      expect(texts(await all(store))).toEqual(['a=a', 'b=b', 'd=d', 'e=e']);
    });
    expect(texts(await all(store))).toEqual(['a=changed', 'c=new', 'd=d', 'e=e']);
  });

  test('a deleted range hides stored and own rows, what is put into it afterwards is there, its end stays', async () => {
    await using store = await open();
    await putAll(store, ['a', 'b', 'c', 'd']);
    await store.transact(async (t) => {
      t.put(utf8('bb'), utf8('own'));
      t.deleteRange(utf8('b'), utf8('d'));
      t.put(utf8('c'), utf8('again'));
      t.put(utf8('cc'), utf8('more'));
      t.delete(utf8('cc'));
      expect(texts(await all(t))).toEqual(['a=a', 'c=again', 'd=d']);
      expect(await t.get(utf8('bb'))).toBeUndefined();
      t.deleteRange(utf8('d'), utf8('a')); // upside down: nothing
    });
    expect(texts(await all(store))).toEqual(['a=a', 'c=again', 'd=d']);
  });

  test('what a read returns is fixed when it is called', async () => {
    await using store = await open();
    await putAll(store, ['a', 'b']);
    await store.transact(async (t) => {
      const reads = [t.get(utf8('a')).then(text), all(t).then(texts)] as const;
      t.put(utf8('a'), utf8('later'));
      t.deleteRange(utf8('b'), utf8('c'));
      expect(await Promise.all(reads)).toEqual(['a', ['a=a', 'b=b']]);
      expect(texts(await all(t))).toEqual(['a=later']);
    });
  });

  test('a transaction gives back what its callback returned', async () => {
    await using store = await open();
    expect(await store.transact(() => 7)).toBe(7);
    expect(await store.transact(async (t) => (await t.get(utf8('a'))) ?? 'nothing')).toBe('nothing');
  });
}

function order(open: () => Promise<Store>): void {
  test('hundreds of concurrent transactions run one after the other in the order of their call', async () => {
    await using store = await open();
    const count = 300;
    const seen: number[] = [];
    await Promise.all(
      Array.from({ length: count }, (_, i) =>
        store.transact(async (t) => {
          const before = await t.get(utf8('count'));
          const value = before === undefined ? 0 : Number(text(before));
          seen.push(value);
          if (i % 3 === 0) await Promise.resolve();
          t.put(utf8('count'), utf8(String(value + 1)));
          t.put(utf8(`row/${String(i).padStart(4, '0')}`), utf8(String(value)));
        }),
      ),
    );
    expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(text(await store.get(utf8('count')))).toBe(String(count));
    expect(await store.range({ from: utf8('row/'), to: utf8('row0'), limit: 1000 })).toHaveLength(count);
  });

  test('a transaction sees what the one before wrote at once, and nothing of one that threw', async () => {
    await using store = await open();
    const first = store.transact((t) => t.put(utf8('a'), utf8('1')));
    const thrown = store.transact((t) => {
      t.put(utf8('b'), utf8('1'));
      throw new Error('no');
    });
    const second = store.transact(async (t) => texts(await all(t)));
    await expect(thrown).rejects.toThrow('no');
    await first;
    expect(await second).toEqual(['a=1']);
  });

  test('onCommit tasks run in the order of registration, when plain reads see the writes, before transact resolves', async () => {
    await using store = await open();
    const events: string[] = [];
    let seen: Promise<Uint8Array | undefined> | undefined;
    const commits = ['a', 'b'].map((name) =>
      store
        .transact((t) => {
          t.onCommit(() => {
            events.push(`${name} first`);
            seen ??= store.get(utf8('a'));
          });
          t.put(utf8(name), utf8(name));
          t.onCommit(() => events.push(`${name} second`));
          events.push(`${name} ran`);
        })
        .then(() => events.push(`${name} resolved`)),
    );
    await Promise.all(commits);
    for (const name of ['a', 'b'])
      expect(events.filter((event) => event.startsWith(name))).toEqual(
        ['ran', 'first', 'second', 'resolved'].map((what) => `${name} ${what}`),
      );
    expect(events.indexOf('a second')).toBeLessThan(events.indexOf('b first'));
    expect(text(await seen)).toBe('a');
  });

  test('a transaction that throws runs its rollback tasks, latest first, and no onCommit task', async () => {
    await using store = await open();
    const events: string[] = [];
    const attempt = store.transact((t) => {
      t.onCommit(() => events.push('committed'));
      t.onRollback(() => events.push('first'));
      t.onRollback(() => events.push('second'));
      throw new Error('no');
    });
    const next = store.transact((t) => {
      events.push('next');
      t.onRollback(() => events.push('never'));
    });
    await expect(attempt).rejects.toThrow('no');
    await next;
    expect(events).toEqual(['second', 'first', 'next']);
  });

  test('an onCommit task that throws harms only its own transaction, which is on disk', async () => {
    await using store = await open();
    const first = store.transact((t) => {
      t.onCommit(() => {
        throw new Error('mistake');
      });
      t.put(utf8('a'), utf8('a'));
    });
    const second = store.transact((t) => t.put(utf8('b'), utf8('b')));
    await expect(first).rejects.toThrow('onCommit');
    await second;
    expect(texts(await all(store))).toEqual(['a=a', 'b=b']);
  });
}

function handles(open: () => Promise<Store>): void {
  test.each(['returned', 'thrown'])('a handle whose callback has %s is dead', async (end) => {
    await using store = await open();
    let kept: StoreTransaction | undefined;
    const attempt = store.transact((t) => {
      kept = t;
      if (end === 'thrown') throw new Error('no');
    });
    await attempt.catch(() => undefined);
    const t = kept as StoreTransaction;
    const key = utf8('a');
    const dead = expect.objectContaining({ code: 'handle_dead' });
    await expect(t.get(key)).rejects.toEqual(dead);
    await expect(t.getMany([key])).rejects.toEqual(dead);
    await expect(t.range(EVERYTHING)).rejects.toEqual(dead);
    for (const use of [
      () => t.put(key, key),
      () => t.delete(key),
      () => t.deleteRange(key, key),
      () => t.onCommit(() => undefined),
      () => t.onRollback(() => undefined),
    ])
      expect(use).toThrow(dead);
    expect(await all(store)).toEqual([]);
  });
}
