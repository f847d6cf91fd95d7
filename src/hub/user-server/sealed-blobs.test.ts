import { mkdtemp, readdir, readFile, rm, truncate, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, SeededSecureRandom, utf8 } from '../../base/index.ts';
import { BLOB_PIECE_BYTES } from './limits.ts';
import { SealedBlobs } from './sealed-blobs.ts';

const never = new AbortController().signal;
const random = new SeededSecureRandom(5);
const hubKey = random.bytes(32);

async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'restante-blobs-'));
  const open = () => SealedBlobs.open({ random, checkFence: () => undefined }, { folder, hubKey });
  return {
    folder,
    open,
    blobs: await open(),
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true });
    },
  };
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function allOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return concatBytes(...all);
}

describe('sealed blobs', () => {
  test('give back any range of what was put, however it came', async () => {
    await using setting = await setup();
    const sizes = fc.constantFrom(
      0,
      1,
      BLOB_PIECE_BYTES - 1,
      BLOB_PIECE_BYTES,
      BLOB_PIECE_BYTES + 1,
      3 * BLOB_PIECE_BYTES + 7,
    );
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 5_000, max: 200_000 }),
        fc.nat(),
        fc.nat(),
        async (size, chunk, a, b) => {
          const bytes = new Uint8Array(size).map((_, at) => at * 31 + (at >> 8));
          const { id } = await setting.blobs.put('a', inChunks(bytes, chunk), never);
          expect(await setting.blobs.size('a', id)).toBe(size);
          const [start, end] = [a % (size + 1), b % (size + 1)].sort((x, y) => x - y) as [number, number];
          // What was just put may still be in memory; the second time it is read from the disk.
          for (let time = 0; time < 2; time++) {
            const read = await allOf(setting.blobs.read('a', id, { start, end }));
            expect(Buffer.compare(read, bytes.subarray(start, end))).toBe(0);
          }
        },
      ),
      { numRuns: 20, seed: 3 },
    );
  });

  test('are the same file for the same content, outlive a restart, and are not another account’s', async () => {
    await using setting = await setup();
    const first = await setting.blobs.put('a', inChunks(utf8('canary'), 2), never);
    expect(await setting.blobs.put('a', inChunks(utf8('canary'), 6), never)).toEqual(first);
    expect(await readdir(join(setting.folder, 'a'))).toEqual([first.id]);
    expect((await readFile(join(setting.folder, 'a', first.id))).includes('canary')).toBe(false);
    const again = await setting.open();
    expect(await again.size('a', first.id)).toBe(6);
    expect(await again.size('b', first.id)).toBeUndefined();
    expect(await again.size('a', '../../etc/passwd')).toBeUndefined();
    await again.delete('a', first.id);
    expect(await again.size('a', first.id)).toBeUndefined();
  });

  test('are all named with when they came last, and of no other account', async () => {
    await using setting = await setup();
    const entries = async (accountId: string) => {
      const found = [];
      for await (const entry of setting.blobs.entries(accountId)) found.push(entry);
      return found;
    };
    expect(await entries('a')).toEqual([]);
    const { id } = await setting.blobs.put('a', inChunks(utf8('canary'), 2), never);
    await setting.blobs.put('b', inChunks(utf8('other'), 2), never);
    const [first, ...others] = await entries('a');
    expect(others).toEqual([]);
    expect(first).toMatchObject({ id, sizeBytes: expect.any(Number), storedAt: expect.any(Number) });
    await utimes(join(setting.folder, 'a', id), 1, 1);
    expect(await entries('a')).toMatchObject([{ storedAt: 1000 }]);
    await setting.blobs.put('a', inChunks(utf8('canary'), 2), never);
    expect((await entries('a'))[0]?.storedAt).toBeGreaterThan(1000);
  });

  test('leave nothing of an upload that failed', async () => {
    await using setting = await setup();
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield random.bytes(100_000);
      throw new Error('the connection ended');
    }
    await expect(setting.blobs.put('a', failing(), never)).rejects.toThrow('the connection ended');
    expect(await readdir(join(setting.folder, 'new'))).toEqual([]);
  });

  test('say so when they are damaged', async () => {
    await using setting = await setup();
    const { id } = await setting.blobs.put('a', inChunks(random.bytes(200_000), 9_999), never);
    await truncate(join(setting.folder, 'a', id), 100_000);
    const again = await setting.open();
    await expect(again.size('a', id)).rejects.toMatchObject({ code: 'damaged' });
    await expect(allOf(setting.blobs.read('a', id, { start: 0, end: 200_000 }))).rejects.toMatchObject({
      code: 'damaged',
    });
  });
});
