import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, fromUtf8, toBase64, toHex, utf8 } from '../base/index.ts';
import {
  attachedOf,
  CHUNK_BYTES,
  CHUNK_TAG_BYTES,
  chunkCountOf,
  decodeManifest,
  encodeManifest,
  MANIFEST_TYPE,
  type Manifest,
} from '../protocol/index.ts';
import { ChunkCipher } from './chunk-cipher.ts';
import { readMime } from './mime-reading.ts';

const KEY = Uint8Array.from({ length: 32 }, (_, index) => index);
const MANIFEST: Manifest = {
  name: 'film “1”.mkv',
  type: 'video/x-matroska',
  size: 3 * CHUNK_BYTES + 7,
  sha256: 'ab'.repeat(32),
  list: 'cd'.repeat(32),
  key: toBase64(KEY),
};

describe('a chunk of an attachment', () => {
  test('comes back byte for byte', async () => {
    const cipher = await ChunkCipher.open(KEY, 9);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 3_000 }),
        fc.integer({ min: 1, max: 9 }),
        async (bytes, number) => {
          const sealed = await cipher.seal(number, bytes);
          expect(sealed.length).toBe(bytes.length + CHUNK_TAG_BYTES);
          expect(await cipher.open(number, sealed)).toEqual(bytes);
        },
      ),
    );
  });

  test('of version 1 is opened for ever', async () => {
    const cipher = await ChunkCipher.open(KEY, 2);
    expect(toHex(await cipher.seal(1, utf8('Zeit ist Zeit')))).toBe(
      '4fb3d688649d436a2e74345098d8357ee6f9de756546281b1723cb960d',
    );
  });

  test('that was moved, cut, changed or is of another attachment does not open', async () => {
    const cipher = await ChunkCipher.open(KEY, 3);
    const sealed = await cipher.seal(2, utf8('in the middle'));
    const foreign = await ChunkCipher.open(
      KEY.map((byte) => byte ^ 1),
      3,
    );
    const shorter = await ChunkCipher.open(KEY, 2);
    const tries: [string, () => Promise<Uint8Array>][] = [
      ['tampered', () => cipher.open(1, sealed)],
      ['tampered', () => cipher.open(3, sealed)],
      ['tampered', () => cipher.open(2, sealed.subarray(0, -1))],
      ['tampered', () => cipher.open(2, sealed.with(0, (sealed[0] as number) ^ 128))],
      ['tampered', () => foreign.open(2, sealed)],
      ['tampered', () => shorter.open(2, sealed)],
      ['malformed', () => cipher.open(2, sealed.subarray(0, CHUNK_TAG_BYTES))],
      ['malformed', () => cipher.open(2, new Uint8Array(CHUNK_BYTES + CHUNK_TAG_BYTES + 1))],
    ];
    for (const [code, attempt] of tries) await expect(attempt()).rejects.toMatchObject({ code });
  });
});

describe('the manifest of an attachment', () => {
  test('says in the mail what the header says of it', async () => {
    expect(decodeManifest(encodeManifest(MANIFEST))).toEqual(MANIFEST);
    expect(attachedOf(MANIFEST)).toEqual({ list: MANIFEST.list, size: MANIFEST.size + 4 * CHUNK_TAG_BYTES });
    expect(chunkCountOf(attachedOf(MANIFEST).size)).toBe(4);
    const part = (content: Uint8Array): Uint8Array =>
      concatBytes(
        utf8('Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee there\r\n--b\r\n'),
        utf8(`Content-Type: ${MANIFEST_TYPE}\r\nContent-Disposition: attachment; filename=x\r\n`),
        utf8(`Content-Transfer-Encoding: base64\r\n\r\n${toBase64(content)}\r\n--b--\r\n`),
      );
    const { name, type, size } = MANIFEST;
    const { text } = await readMime(part(encodeManifest(MANIFEST)));
    expect(text.attachments).toEqual([{ name, type, size, manifest: MANIFEST }]);
    // One that does not read stops nothing.
    const odd = await readMime(part(utf8('{"v":1}')));
    expect(odd.text.attachments).toMatchObject([{ name: 'x', type: MANIFEST_TYPE, size: 7 }]);
  });

  test('is refused with a size that no attachment has, a foreign key, a wrong hash, or more than it says', () => {
    const json = JSON.parse(fromUtf8(encodeManifest(MANIFEST))) as Record<string, unknown>;
    const changes = [
      { size: 0 },
      { size: -1 },
      { size: 2 ** 53 },
      { size: Number.MAX_SAFE_INTEGER },
      { size: 65_536 * CHUNK_BYTES + 1 },
      { size: 1.5 },
      { size: '7' },
      { key: '' },
      { key: toBase64(KEY.subarray(1)) },
      { key: 'not base64!' },
      { list: 'cd'.repeat(31) },
      { list: 'CD'.repeat(32) },
      { sha256: `${'ab'.repeat(32)}\n` },
      { name: 'x'.repeat(2_000) },
      { v: 2 },
      { chunks: [] },
    ];
    for (const change of changes) {
      const bytes = utf8(JSON.stringify({ ...json, ...change }));
      expect(() => decodeManifest(bytes), JSON.stringify(change).slice(0, 60)).toThrow(
        expect.objectContaining({ code: 'malformed' }),
      );
    }
    expect(() => decodeManifest(new Uint8Array(100_000))).toThrow(expect.objectContaining({ code: 'too_large' }));
  });
});

describe('the size that a header says of an attachment', () => {
  test('tells how many chunks it has, or is none that an attachment has', () => {
    const stored = CHUNK_BYTES + CHUNK_TAG_BYTES;
    const sizes: [number, number | undefined][] = [
      [17, 1],
      [stored, 1],
      [stored + 17, 2],
      [65_536 * stored, 65_536],
      [0, undefined],
      [16, undefined],
      [-5, undefined],
      [stored + 16, undefined],
      [65_536 * stored + 17, undefined],
      [Number.MAX_SAFE_INTEGER, undefined],
      [Number.NaN, undefined],
    ];
    for (const [size, count] of sizes) expect(chunkCountOf(size), String(size)).toBe(count);
  });
});
