import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WrittenLog } from '../../test/harness/key-log-pages.ts';
import { concatBytes, uint64Bytes, utf8 } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { type KeyLogPage, type KeyRecord, parseAddress, parseHomeName } from '../protocol/index.ts';
import { FaultyStore, MemoryStore, type Store } from '../store/index.ts';
import { followKeyLog } from './follow.ts';
import { KeyLogMirror } from './key-log-mirror.ts';

const suite = new SodiumSuite();
const HOME = parseHomeName('home.example');
const ALICE = parseAddress('alice@home.example');
const keys = suite.keyPair(new Uint8Array(32).fill(1));
const strangers = suite.keyPair(new Uint8Array(32).fill(2));

function record(version: number, mark = 0, subject: KeyRecord['subject'] = ALICE): KeyRecord {
  return { subject, version, sha256: `${version}${mark}`.padStart(64, '0') };
}

function written(count: number): WrittenLog {
  return new WrittenLog(suite, keys).log(...Array.from({ length: count }, (_, i) => record(i + 1)));
}

function openMirror(store: Store): Promise<KeyLogMirror> {
  return KeyLogMirror.open({ suite, store }, { home: HOME, publicKey: keys.publicKey, prefix: utf8('m') });
}

async function setup(count = 0) {
  const store = new MemoryStore();
  const mirror = await openMirror(store);
  const log = written(count);
  if (count > 0) await mirror.take(log.page(0));
  return { store, mirror, log };
}

describe('a mirror of a key log', () => {
  test('holds what was logged, however the pages were cut, also after it was opened again', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), cuts, async (count, sizes) => {
        const { store, mirror } = await setup();
        const log = written(count);
        let page = 0;
        const ask = async (after: number): Promise<KeyLogPage> => log.page(after, sizes[page++ % sizes.length]);
        expect((await followKeyLog(mirror, ask)).end).toEqual({ status: 'same' });
        for (const one of [mirror, await openMirror(store)]) {
          expect(one.length).toBe(count);
          expect(await one.root()).toEqual(log.root(count));
          expect((await one.versions(ALICE)).map(({ version }) => version)).toEqual(
            Array.from({ length: count }, (_, i) => i + 1),
          );
        }
      }),
      { numRuns: 40 },
    );
  });

  test('serves those who follow it, from any length at which a page of its own ended', async () => {
    const { store, mirror, log } = await setup(3);
    for (const more of [4, 5, 6, 7]) {
      log.log(record(more));
      await mirror.take(log.page(mirror.length));
    }
    const second = await KeyLogMirror.open(
      { suite, store },
      { home: HOME, publicKey: keys.publicKey, prefix: utf8('n') },
    );
    const followed = await followKeyLog(second, (after) => mirror.readPage(after));
    expect(followed.end).toEqual({ status: 'same' });
    expect(await second.root()).toEqual(log.root(7));
    log.log(record(8));
    await mirror.take(log.page(7));
    expect((await mirror.readPage(7)).base).toEqual(log.root(7));
  });

  test('takes nothing of a page in which a byte is another one', async () => {
    const { log } = await setup();
    log.log(record(1), record(2), record(3));
    const page = log.page(0);
    const places = [...page.blocks, page.root?.hash, page.root?.signature, page.keyLog].filter(
      (bytes) => bytes !== undefined,
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(places.length - 1),
        fc.nat(1_000),
        fc.integer({ min: 1, max: 255 }),
        async (which, at, bits) => {
          const { mirror, store } = await setup();
          const before = await rowsOf(store);
          const changed = places.map((bytes, i) => (i === which ? flip(bytes, at, bits) : bytes));
          const [one, two, three, hash, signature, keyLog] = changed as Uint8Array[];
          const verdict = await mirror.take({
            keyLog: keyLog as Uint8Array,
            blocks: [one, two, three] as Uint8Array[],
            disputed: [],
            root: { ...log.root(3), hash: hash as Uint8Array, signature: signature as Uint8Array },
          });
          // The hash beside the signature is only a word: what was signed is what the blocks make.
          expect(verdict.status === 'grown').toBe(which === 3);
          if (which !== 3) expect(await rowsOf(store)).toEqual(before);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each<[string, (log: WrittenLog) => KeyLogPage, string]>([
    ['of another log', (log) => ({ ...log.page(2), keyLog: strangers.publicKey }), 'other_log'],
    ['that says it is longer than it is', (log) => ({ ...log.page(2), root: log.root(5) }), 'refused'],
    [
      'with too many blocks',
      (log) => ({ ...log.page(2), blocks: Array.from({ length: 1_001 }, () => utf8('x')) }),
      'refused',
    ],
    ['that begins elsewhere', (log) => log.page(3), 'refused'],
    ['signed by a stranger', (log) => new WrittenLog(suite, strangers, log.blocks).page(2), 'other_log'],
    [
      'with a stranger’s root',
      (log) => ({ ...log.page(2), root: new WrittenLog(suite, strangers, log.blocks).root(6) }),
      'refused',
    ],
    [
      'with blocks and no root',
      (log) => ({ keyLog: keys.publicKey, blocks: log.blocks.slice(2), disputed: [] }),
      'refused',
    ],
    [
      'with a base that nobody signed',
      (log) => ({ ...log.page(2), base: { ...log.root(2), signature: new Uint8Array(64) } }),
      'refused',
    ],
  ])('takes nothing of a page %s', async (_, pageOf, status) => {
    const { mirror, store } = await setup(2);
    const before = await rowsOf(store);
    expect((await mirror.take(pageOf(written(6)))).status).toBe(status);
    expect(await rowsOf(store)).toEqual(before);
  });

  test('tells a log that is shown shorter than before', async () => {
    const { mirror, log } = await setup(5);
    expect(await mirror.take(log.fork(3).page(5))).toEqual({ status: 'shorter', root: log.root(3) });
    expect((await mirror.take(new WrittenLog(suite, keys).page(5))).status).toBe('shorter');
    expect(mirror.length).toBe(5);
  });

  test('keeps the proof when a log is shown with another past', async () => {
    const { mirror, log } = await setup(5);
    const other = log.fork(3).log(record(4, 1), record(5, 1), record(6, 1));
    const followed = await followKeyLog(mirror, async (after) => other.page(after));
    expect(followed.end).toEqual({ status: 'forked', root: other.root(5) });
    expect(await mirror.disputed()).toEqual([other.root(5)]);
    expect((await mirror.readPage(0)).disputed).toEqual([other.root(5)]);
    expect(await mirror.root()).toEqual(log.root(5));
  });

  test('also when the other past is shorter', async () => {
    const { mirror, log } = await setup(5);
    const other = log.fork(3).log(record(4, 1));
    expect(await mirror.take(other.page(5))).toEqual({ status: 'forked', root: other.root(4) });
  });

  test('judges what others were shown: the same, another, or what comes later', async () => {
    const { mirror, log, store } = await setup(4);
    expect(await mirror.hear(log.root(2))).toBe('same');
    expect(await mirror.hear({ ...log.root(2), hash: new Uint8Array(32) })).toBe('unsigned');
    expect(await mirror.hear(new WrittenLog(suite, strangers, log.blocks).root(2))).toBe('unsigned');
    const other = log.fork(4).log(record(5, 1), record(6, 1));
    expect(await mirror.hear(other.root(6))).toBe('ahead');
    expect(await mirror.awaited()).toEqual(other.root(6));
    log.log(record(5), record(6), record(7));
    const again = await openMirror(store);
    await again.take(log.page(4));
    expect(await again.awaited()).toBeUndefined();
    expect(await again.disputed()).toEqual([other.root(6)]);
  });

  test('keeps nothing of a root that was signed for another length', async () => {
    const { mirror, log } = await setup(4);
    const later = log.fork(4).log(record(5), record(6));
    for (const root of [log.root(3), later.root(6)])
      for (const length of [1, 2, 4, 5, 7, 99, 2 ** 51, 2 ** 53 - 1]) {
        expect(await mirror.hear({ ...root, length })).toBe('unsigned');
        const bare = await mirror.hear({ ...root, length, roots: new Uint8Array(0) });
        expect(bare).toBe(length > 2 ** 51 ? 'unsigned' : 'unproven');
      }
    const sizes = log.root(3).roots.map((byte, at) => (at % 40 >= 32 ? 255 : byte));
    expect(await mirror.hear({ ...log.root(3), roots: sizes })).toBe('unsigned');
    expect(await mirror.disputed()).toEqual([]);
    expect(await mirror.awaited()).toBeUndefined();
    expect(await mirror.hear({ ...log.root(3), roots: new Uint8Array(0) })).toBe('same');
  });

  test('passes over roots that were kept without their tree', async () => {
    const { store, mirror, log } = await setup(4);
    const other = log.fork(3).log(record(4, 1));
    for (const tag of ['x', 'w'])
      for (let length = 1; length <= 16; length++) {
        const key = concatBytes(utf8(`m${tag}`), uint64Bytes(length), log.root(3).hash);
        await store.transact((transaction) => transaction.put(key, log.root(3).signature));
      }
    expect(await mirror.disputed()).toEqual([]);
    expect(await mirror.awaited()).toBeUndefined();
    expect(await mirror.hear(other.root(4))).toBe('forked');
    expect(await mirror.disputed()).toEqual([other.root(4)]);
  });

  test('shows two documents that are logged for one version', async () => {
    const { mirror, log } = await setup(2);
    log.log(record(2, 1));
    await mirror.take(log.page(2));
    const [, second] = await mirror.versions(ALICE);
    expect(second?.documents).toHaveLength(2);
  });

  test('passes over what is no record of this home', async () => {
    const { mirror } = await setup();
    const log = new WrittenLog(suite, keys, [utf8('not json'), utf8('{}'), new Uint8Array(2_000)]);
    log.log(record(1, 0, parseAddress('alice@other.example')), record(1, 0, HOME), record(3));
    expect(await mirror.take(log.page(0))).toEqual({ status: 'grown', subjects: new Set([HOME, ALICE]) });
    expect(await mirror.versions(parseAddress('alice@other.example'))).toEqual([]);
    expect(await mirror.versions(HOME)).toHaveLength(1);
  });

  test('keeps a page whole or not at all, whichever call of the store fails', async () => {
    for (let at = 1; ; at++) {
      const inner = new MemoryStore();
      await (await openMirror(inner)).take(written(3).page(0));
      const store = new FaultyStore(inner, { operation: 'any', at, isLasting: false, code: 'failed' });
      const work = async (): Promise<unknown> => (await openMirror(store)).take(written(6).page(3));
      await work().catch((error: unknown) => expect(error).toMatchObject({ code: 'failed' }));
      const mirror = await openMirror(inner);
      expect(mirror.length).toBe(store.hasFired ? 3 : 6);
      expect(await mirror.versions(ALICE)).toHaveLength(mirror.length);
      expect((await followKeyLog(mirror, async (after) => written(6).page(after))).end).toEqual({ status: 'same' });
      if (!store.hasFired) break;
    }
  });
});

function flip(bytes: Uint8Array, at: number, bits: number): Uint8Array {
  const changed = bytes.slice();
  const index = at % bytes.length;
  changed[index] = (changed[index] as number) ^ bits;
  return changed;
}

async function rowsOf(store: Store): Promise<number> {
  return (await store.range({ from: Uint8Array.of(0), to: Uint8Array.of(255), limit: 100_000 })).length;
}
