/** What every Store promises, run by each adapter. `open` gives an empty one. */
import { describe, expect, test } from 'vitest';
import { compareBytes, utf8 } from '../base/index.ts';
import { KEY_BYTES_MAX, type Store, VALUE_BYTES_MAX } from './store.ts';
import { all, EVERYTHING, putAll, text, texts } from './store-rows.contract.ts';
import { transactionContract } from './store-transaction.contract.ts';

export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} as a Store`, () => {
    keysAndValues(open);
    ranges(open);
    transactionContract(open);
  });
}

function keysAndValues(open: () => Promise<Store>): void {
  test('a key that was never put is undefined', async () => {
    await using store = await open();
    expect(await store.get(utf8('a'))).toBeUndefined();
    expect(await store.getMany([])).toEqual([]);
  });

  test('values come back in the order of the keys asked for, repeated and missing ones included', async () => {
    await using store = await open();
    await putAll(store, ['a', 'b', 'c']);
    const values = await store.getMany(['c', 'x', 'a', 'c'].map(utf8));
    expect(values.map((value) => value && text(value))).toEqual(['c', undefined, 'a', 'c']);
  });

  test('a later put replaces the value, a delete removes it, and deleting what is not there harms nothing', async () => {
    await using store = await open();
    await store.transact((t) => t.put(utf8('k'), utf8('first')));
    await store.transact((t) => t.put(utf8('k'), utf8('second')));
    expect(text(await store.get(utf8('k')))).toBe('second');
    await store.transact((t) => {
      t.delete(utf8('k'));
      t.delete(utf8('never'));
    });
    expect(await store.get(utf8('k'))).toBeUndefined();
  });

  test.each([0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 2 * 1024 * 1024, VALUE_BYTES_MAX])(
    'a value of %i bytes is read back, replaced by another size, and gone when deleted',
    async (size) => {
      await using store = await open();
      const key = utf8('v');
      for (const value of [patterned(size, 1), patterned(3, 2), patterned(size, 3)]) {
        await store.transact((t) => t.put(key, value));
        expect(same(await store.get(key), value)).toBe(true);
        expect(same((await all(store))[0]?.value, value)).toBe(true);
        expect(same(await store.transact((t) => t.get(key)), value)).toBe(true);
      }
      await store.transact((t) => t.delete(key));
      expect(await all(store)).toEqual([]);
    },
  );

  test('keys of 1 and of 1024 bytes are kept; an empty, a longer key, and a value beyond the limit are too_large', async () => {
    await using store = await open();
    const longest = new Uint8Array(KEY_BYTES_MAX).fill(255);
    await store.transact((t) => {
      t.put(Uint8Array.of(0), utf8('short'));
      t.put(longest, utf8('long'));
    });
    expect(await all(store)).toHaveLength(2);
    for (const key of [new Uint8Array(0), new Uint8Array(KEY_BYTES_MAX + 1)]) {
      await expect(store.transact((t) => t.put(key, utf8('v')))).rejects.toMatchObject({ code: 'too_large' });
      await expect(store.transact((t) => t.delete(key))).rejects.toMatchObject({ code: 'too_large' });
      await expect(store.transact((t) => t.get(key))).rejects.toMatchObject({ code: 'too_large' });
      await expect(store.get(key)).rejects.toMatchObject({ code: 'too_large' });
    }
    const tooLarge = new Uint8Array(VALUE_BYTES_MAX + 1);
    await expect(store.transact((t) => t.put(utf8('v'), tooLarge))).rejects.toMatchObject({ code: 'too_large' });
    expect(await all(store)).toHaveLength(2);
  });

  test('what is handed out may be changed without changing what is stored', async () => {
    await using store = await open();
    await putAll(store, ['a', 'b']);
    const spoil = (arrays: readonly (Uint8Array | undefined)[]): void => {
      for (const array of arrays) array?.fill(0);
    };
    spoil([await store.get(utf8('a')), ...(await store.getMany([utf8('a')]))]);
    spoil((await all(store)).flatMap((row) => [row.key, row.value]));
    await store.transact(async (t) => {
      t.put(utf8('c'), utf8('c'));
      spoil([await t.get(utf8('a')), await t.get(utf8('c'))]);
      spoil((await t.range(EVERYTHING)).flatMap((row) => [row.key, row.value]));
      expect(texts(await t.range(EVERYTHING))).toEqual(['a=a', 'b=b', 'c=c']);
    });
    expect(texts(await all(store))).toEqual(['a=a', 'b=b', 'c=c']);
  });

  test('what is handed out is a plain byte array', async () => {
    await using store = await open();
    await store.transact((t) => t.put(Buffer.from('k'), Buffer.from('v')));
    const [row] = await all(store);
    const inside = await store.transact((t) => t.get(utf8('k')));
    for (const array of [row?.key, row?.value, inside, await store.get(utf8('k'))])
      expect(array?.constructor).toBe(Uint8Array);
  });

  test('more data takes more bytes on disk', async () => {
    await using store = await open();
    const before = await store.sizeBytes();
    await store.transact((t) => {
      for (let i = 0; i < 100; i++) t.put(Uint8Array.of(i), patterned(10_000, i));
      t.put(utf8('large'), patterned(1_000_000, 0));
    });
    expect(await store.sizeBytes()).toBeGreaterThan(before + 1_900_000);
  });

  test('a closed store refuses everything, and closing twice is closing once', async () => {
    await using store = await open();
    const last = store.transact((t) => t.put(utf8('a'), utf8('a')));
    const closing = store[Symbol.asyncDispose]();
    await last; // what was handed over before is still committed
    await closing;
    await store[Symbol.asyncDispose]();
    const refusal = { code: 'closed' };
    await expect(store.get(utf8('a'))).rejects.toMatchObject(refusal);
    await expect(all(store)).rejects.toMatchObject(refusal);
    await expect(store.transact(() => 1)).rejects.toMatchObject(refusal);
    await expect(store.sizeBytes()).rejects.toMatchObject(refusal);
  });
}

function ranges(open: () => Promise<Store>): void {
  const KEYS = [
    [0],
    [0, 0],
    [0, 255],
    [1],
    [97],
    [97, 0],
    [97, 97],
    [98],
    [255],
    [255, 0],
    [255, 255],
    [255, 255, 255],
  ];

  test('keys order as unsigned bytes, a prefix before what it begins, both ways', async () => {
    await using store = await open();
    await store.transact((t) => {
      for (const key of [...KEYS].reverse()) t.put(Uint8Array.from(key), Uint8Array.from(key));
    });
    expect((await all(store)).map((row) => [...row.key])).toEqual(KEYS);
    const backwards = await store.range({ ...EVERYTHING, reverse: true });
    expect(backwards.map((row) => [...row.key])).toEqual(KEYS.toReversed());
  });

  test('a range holds its first key and not its end, whatever the neighbours', async () => {
    await using store = await open();
    await store.transact((t) => {
      for (const key of KEYS) t.put(Uint8Array.from(key), Uint8Array.from(key));
    });
    const bounds = [[], ...KEYS, [97, 97, 0], [98, 255], [255, 255, 255, 0]].map((bytes) => Uint8Array.from(bytes));
    for (const from of bounds) {
      for (const to of bounds) {
        const expected = KEYS.map((key) => Uint8Array.from(key)).filter(
          (key) => compareBytes(key, from) >= 0 && compareBytes(key, to) < 0,
        );
        for (const reverse of [false, true]) {
          const rows = await store.range({ from, to, limit: 100, reverse });
          expect(rows.map((row) => row.key)).toEqual(reverse ? expected.toReversed() : expected);
        }
      }
    }
  });

  test('a limit cuts from the side where reading begins; 0 gives nothing and a huge one everything', async () => {
    await using store = await open();
    await putAll(store, ['a', 'b', 'c', 'd']);
    const range = { from: utf8('a'), to: utf8('d') };
    expect(texts(await store.range({ ...range, limit: 2 }))).toEqual(['a=a', 'b=b']);
    expect(texts(await store.range({ ...range, limit: 2, reverse: true }))).toEqual(['c=c', 'b=b']);
    expect(await store.range({ ...range, limit: 0 })).toEqual([]);
    expect(await store.range({ ...range, limit: Number.MAX_SAFE_INTEGER })).toHaveLength(3);
  });

  test('maxBytes stops after the row that exceeds it, and one row always comes', async () => {
    await using store = await open();
    await store.transact((t) => {
      for (const key of ['a', 'b', 'c', 'd']) t.put(utf8(key), new Uint8Array(100));
    });
    const counts: number[] = [];
    for (const maxBytes of [0, 99, 100, 199, 200, 399, 400, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])
      counts.push((await store.range({ ...EVERYTHING, maxBytes })).length);
    expect(counts).toEqual([1, 1, 2, 2, 3, 4, 4, 4, 4]);
  });

  test('maxBytes counts large values by their size', async () => {
    await using store = await open();
    await store.transact((t) => {
      for (const key of ['a', 'b', 'c']) t.put(utf8(key), new Uint8Array(100_000));
    });
    expect(await store.range({ ...EVERYTHING, maxBytes: 100_000 })).toHaveLength(2);
    expect(await store.range({ ...EVERYTHING, maxBytes: 99_999 })).toHaveLength(1);
  });

  test('ten thousand rows are read by pages without a gap', async () => {
    await using store = await open();
    const count = 10_000;
    await store.transact((t) => {
      for (let i = 0; i < count; i++) t.put(numbered(i), numbered(i));
    });
    let from = numbered(0);
    const seen: number[] = [];
    for (;;) {
      const rows = await store.range({ from, to: utf8('~'), limit: 999 });
      seen.push(...rows.map((row) => Number(text(row.value).slice(2))));
      const last = rows.at(-1);
      if (last === undefined) break;
      from = numbered(Number(text(last.key).slice(2)) + 1);
    }
    expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
  });
}

function numbered(index: number): Uint8Array {
  return utf8(`k/${String(index).padStart(8, '0')}`);
}

function patterned(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) + seed) & 255);
}

/** `toEqual` on megabytes is slow. */
function same(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
