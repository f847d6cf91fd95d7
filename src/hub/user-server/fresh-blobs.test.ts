import { describe, expect, test } from 'vitest';
import { FreshBlobs } from './fresh-blobs.ts';
import { FRESH_BLOB_BYTES_MAX, FRESH_BLOBS_BYTES_MAX } from './limits.ts';

describe('fresh blobs', () => {
  test('are there until they are read once, and the last content of a path counts', () => {
    const fresh = new FreshBlobs();
    fresh.keep('a', Uint8Array.of(1));
    fresh.keep('a', Uint8Array.of(2));
    expect(fresh.take('a')).toEqual(Uint8Array.of(2));
    expect(fresh.take('a')).toBeUndefined();
    expect(fresh.take('b')).toBeUndefined();
  });

  test('take no more memory than they may: the oldest make room, and large ones are none', () => {
    const fresh = new FreshBlobs();
    const count = FRESH_BLOBS_BYTES_MAX / FRESH_BLOB_BYTES_MAX;
    const content = new Uint8Array(FRESH_BLOB_BYTES_MAX);
    for (let at = 0; at < 2 * count; at++) fresh.keep(`${at}`, content);
    fresh.keep('large', new Uint8Array(FRESH_BLOB_BYTES_MAX + 1));
    const kept = Array.from({ length: 2 * count }, (_, at) => fresh.take(`${at}`) !== undefined);
    expect(kept).toEqual(Array.from({ length: 2 * count }, (_, at) => at >= count));
    expect(fresh.take('large')).toBeUndefined();
    // What was taken gave its room back.
    for (let at = 0; at < count; at++) fresh.keep(`${at}`, content);
    expect(fresh.take('0')).toBe(content);
  });
});
