import { describe, expect, test } from 'vitest';
import { fromHex, SeededPrng, toHex, utf8 } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { MemoryStore } from '../store/index.ts';
import { FeedError } from './feed-error.ts';
import { FeedLog } from './feed-log.ts';
import { exportSleepFile } from './sleep-export.ts';
import {
  decodeBitfieldFile,
  decodeSignatureFile,
  decodeTreeFile,
  encodeSignatureEntries,
  encodeSleepHeader,
  encodeTreeEntries,
  type SleepKind,
} from './sleep-file.ts';
import vectors from './vectors.json' with { type: 'json' };

const suite = new SodiumSuite();
const publicKey = fromHex(vectors.keys.publicKey);
const secretKey = fromHex(vectors.keys.secretKey);

/** A log of the vectors' feed: batches of blocks, then cleared ones. */
async function setup(batches: readonly (readonly string[])[], cleared: readonly number[]) {
  const store = new MemoryStore();
  const log = await FeedLog.open({ suite, store }, { prefix: utf8('feed/'), publicKey, secretKey });
  for (const batch of batches) await store.transact((transaction) => log.append(transaction, batch.map(utf8)));
  await store.transact((transaction) => {
    for (const index of cleared) log.clear(transaction, index);
  });
  return {
    log,
    async file(kind: SleepKind): Promise<Uint8Array> {
      const pieces: Uint8Array[] = [];
      for await (const piece of exportSleepFile(log, store, kind)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

describe('SLEEP files', () => {
  test('the tree file of six blocks is that of hypercore, to the byte', async () => {
    await using feed = await setup([vectors.tree.blocks], []);
    expect(toHex(await feed.file('tree'))).toBe(vectors.tree.file);
    expect(vectors.tree.file).toHaveLength(2 * 472);
  });

  test('the signature file of three appends is that of hypercore, to the byte', async () => {
    await using feed = await setup(
      vectors.signatures.blocks.map((block) => [block]),
      [],
    );
    expect(toHex(await feed.file('signatures'))).toBe(vectors.signatures.file);
  });

  test.each(vectors.sleep)(
    'a feed of batches $batches with $cleared cleared exports as hypercore stores it',
    async ({ batches, cleared, ...hashes }) => {
      let next = 0;
      const blocks = batches.map((size) => Array.from({ length: size }, () => `block ${next++}`));
      await using feed = await setup(blocks, cleared);
      for (const kind of ['tree', 'signatures', 'bitfield'] as const)
        expect([kind, toHex(suite.blake2b(await feed.file(kind)))]).toEqual([kind, hashes[kind]]);
    },
  );

  test('what was exported reads back as it was, and encodes to the same bytes', async () => {
    await using feed = await setup([['a', 'b', 'c'], ['d'], ['e', 'f', 'g']], [1, 5]);
    const treeFile = await feed.file('tree');
    const nodes = decodeTreeFile(treeFile);
    expect(Buffer.concat([encodeSleepHeader('tree'), encodeTreeEntries(nodes, 0, 13)])).toEqual(treeFile);
    const signatureFile = await feed.file('signatures');
    const signatures = decodeSignatureFile(signatureFile);
    expect([...signatures.keys()]).toEqual([3, 4, 7]);
    const entries = encodeSignatureEntries([1, 2, 3, 4, 5, 6, 7].map((length) => signatures.get(length)));
    expect(Buffer.concat([encodeSleepHeader('signatures'), entries])).toEqual(signatureFile);
    const held = decodeBitfieldFile(await feed.file('bitfield'));
    expect([...held.blocks.ranges()]).toEqual([
      { from: 0, to: 1 },
      { from: 2, to: 5 },
      { from: 6, to: 7 },
    ]);
    expect([...held.nodes.ranges()]).toEqual([
      { from: 0, to: 7 },
      { from: 8, to: 11 },
      { from: 12, to: 13 },
    ]);
  });

  test('an empty feed is three headers', async () => {
    await using feed = await setup([], []);
    expect(toHex(await feed.file('tree'))).toBe('0502570200002807424c414b45326200'.padEnd(64, '0'));
    expect(toHex(await feed.file('signatures'))).toBe('05025701000040074564323535313900'.padEnd(64, '0'));
    expect(toHex(await feed.file('bitfield'))).toBe('05025700000e0000'.padEnd(64, '0'));
    expect(decodeTreeFile(await feed.file('tree'))).toEqual([]);
  });

  test('padding after the algorithm may be anything, and old bitfield pages are read', () => {
    const header = encodeSleepHeader('tree');
    header.fill(7, 15);
    expect(decodeTreeFile(header)).toEqual([]);
    const old = new Uint8Array(32 + 3328);
    old.set(encodeSleepHeader('bitfield'));
    old.set([0x0d, 0x00], 5);
    old[32] = 0b1010_0000;
    expect([...decodeBitfieldFile(old).blocks.ranges()].map(({ from }) => from)).toEqual([0, 2]);
  });

  test.each([
    ['nothing', ''],
    ['a cut header', vectors.tree.file.slice(0, 62)],
    ['a cut entry', vectors.tree.file.slice(0, -2)],
    ['another magic number', `06${vectors.tree.file.slice(2)}`],
    ['another kind', vectors.signatures.file],
    ['a later version', vectors.tree.file.replace('0502570200', '0502570201')],
    ['another entry size', vectors.tree.file.replace('05025702000028', '05025702000029')],
    ['entries of no bytes', vectors.tree.file.replace('05025702000028', '05025702000000')],
    ['another algorithm', vectors.tree.file.replace('424c414b453262', '424c414b453273')],
    [
      'an algorithm longer than the header',
      vectors.tree.file.replace('05025702000028 07'.replace(' ', ''), '05025702000028ff'),
    ],
    ['a node of more bytes than there are numbers', `${vectors.tree.file.slice(0, -16)}ffffffffffffffff`],
  ])('a tree file with %s is refused', (_name, hex) => {
    expect(() => decodeTreeFile(fromHex(hex))).toThrow(FeedError);
  });

  test('whatever is flipped in a file, it is read or refused, never worse', () => {
    const prng = new SeededPrng(1);
    for (let run = 0; run < 2_000; run++) {
      const file = fromHex(vectors.tree.file).slice(0, prng.below(473));
      for (let flips = prng.below(4); flips > 0 && file.length > 0; flips--)
        file[prng.below(Math.min(file.length, 60))] = prng.below(256);
      try {
        expect(decodeTreeFile(file).length).toBeLessThanOrEqual(11);
      } catch (error) {
        expect(error).toBeInstanceOf(FeedError);
      }
    }
  });
});
