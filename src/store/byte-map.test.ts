import { describe, expect, test } from 'vitest';
import { compareBytes, SeededPrng, toHex, uint64Bytes } from '../base/index.ts';
import { ByteMap } from './byte-map.ts';

const EVERYTHING = { from: new Uint8Array(0), to: new Uint8Array(40).fill(255) };

function valuesOf<Value>(map: ByteMap<Value>): Value[] {
  const values: Value[] = [];
  map.forEach((_, value) => {
    values.push(value);
  });
  return values;
}

describe('ByteMap', () => {
  test.each(['ascending', 'descending', 'random'])('keeps 5000 keys put in %s order sorted', (order) => {
    const map = new ByteMap<number>();
    const numbers = Array.from({ length: 5000 }, (_, i) => i);
    const prng = new SeededPrng(1);
    if (order === 'descending') numbers.reverse();
    if (order === 'random') numbers.sort(() => prng.next() - 0.5);
    for (const number of numbers) map.set(uint64Bytes(number), number);
    for (const number of numbers) map.set(uint64Bytes(number), number + 1);
    expect(map.size).toBe(5000);
    expect(valuesOf(map)).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1));
    expect(map.get(uint64Bytes(4999))).toBe(5000);
    expect(map.get(uint64Bytes(5000))).toBeUndefined();
  });

  test('spans, both ways, and their deletion agree with a plain sorted list', () => {
    const prng = new SeededPrng(7);
    const map = new ByteMap<string>();
    let list: Uint8Array[] = [];
    const randomKey = (): Uint8Array => Uint8Array.from({ length: 1 + prng.below(3) }, () => prng.below(24));
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 200; i++) {
        const key = randomKey();
        map.set(key, toHex(key));
        if (!list.some((other) => compareBytes(other, key) === 0)) list.push(key);
      }
      const [from, to] = [randomKey(), randomKey()];
      const gone = randomKey();
      map.delete(gone);
      list = list.filter((key) => compareBytes(key, gone) !== 0);
      const inside = list.filter((key) => compareBytes(key, from) >= 0 && compareBytes(key, to) < 0).sort(compareBytes);
      expect([...map.entries({ from, to }, false)].map(([, value]) => value)).toEqual(inside.map(toHex));
      expect([...map.entries({ from, to }, true)].map(([, value]) => value)).toEqual(inside.map(toHex).reverse());
      map.deleteRange({ from, to });
      list = list.filter((key) => !inside.includes(key));
      expect(map.size).toBe(list.length);
      expect(valuesOf(map)).toEqual(list.sort(compareBytes).map(toHex));
    }
  });

  test('an empty map has no entries, and an upside-down span is empty', () => {
    const map = new ByteMap<number>();
    map.deleteRange(EVERYTHING);
    map.delete(uint64Bytes(1));
    expect([...map.entries(EVERYTHING, true)]).toEqual([]);
    map.set(uint64Bytes(1), 1);
    map.deleteRange({ from: EVERYTHING.to, to: EVERYTHING.from });
    expect([...map.entries({ from: EVERYTHING.to, to: EVERYTHING.from }, false)]).toEqual([]);
    expect(map.size).toBe(1);
  });
});
