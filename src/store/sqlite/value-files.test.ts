import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VALUE_FILES_OPEN_MAX, VALUE_FILES_PER_FOLDER } from './limits.ts';
import { ValueFiles } from './value-files.ts';

function setup(): Disposable & { readonly folder: string; readonly files: ValueFiles } {
  const folder = mkdtempSync(join(tmpdir(), 'restante-values-'));
  return { folder, files: new ValueFiles(folder), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

describe('ValueFiles', () => {
  test('what was written is read, in whichever folder and however many at once', () => {
    using place = setup();
    const ids = Array.from({ length: VALUE_FILES_OPEN_MAX * 2 + 1 }, (_, i) => VALUE_FILES_PER_FOLDER - 60 + i);
    place.files.write(ids.map((id) => ({ id, bytes: new Uint8Array(id).fill(id & 255) })));
    for (const id of ids) {
      const room = new Uint8Array(id);
      place.files.read(id, room);
      expect(room.every((byte) => byte === (id & 255))).toBe(true);
    }
    expect(readdirSync(join(place.folder, 'values')).sort()).toEqual(['0', '1']);
  });

  test('a missing, a shortened and a longer file are corrupt', () => {
    using place = setup();
    place.files.write([{ id: 1, bytes: new Uint8Array(100) }]);
    const corrupt = expect.objectContaining({ code: 'corrupt' });
    expect(() => place.files.read(2, new Uint8Array(100))).toThrow(corrupt);
    expect(() => place.files.read(1, new Uint8Array(99))).toThrow(corrupt);
    truncateSync(place.files.pathOf(1), 50);
    expect(() => place.files.read(1, new Uint8Array(100))).toThrow(corrupt);
  });

  test('when one of several cannot be written, none of them stays, and what was there before does', () => {
    using place = setup();
    place.files.write([{ id: 2, bytes: new Uint8Array(1) }]);
    const bytes = new Uint8Array(1);
    expect(() =>
      place.files.write([
        { id: 1, bytes },
        { id: 2, bytes },
        { id: 3, bytes },
      ]),
    ).toThrow('EEXIST');
    expect(existsSync(place.files.pathOf(1))).toBe(false);
    expect(existsSync(place.files.pathOf(3))).toBe(false);
    expect(existsSync(place.files.pathOf(2))).toBe(true);
  });

  test('a sweep removes what is not named and folders left empty, and nothing that is not its own', () => {
    using place = setup();
    const ids = [1, 2, 1500, 2500, 2501];
    place.files.write(ids.map((id) => ({ id, bytes: new Uint8Array(id) })));
    writeFileSync(join(place.folder, 'values', 'notes.txt'), 'mine');
    writeFileSync(join(place.folder, 'values', '2', 'notes.txt'), 'mine');
    expect(place.files.sweep((id) => id === 2)).toBe(4);
    expect(readdirSync(join(place.folder, 'values')).sort()).toEqual(['0', '2', 'notes.txt']);
    expect(readdirSync(join(place.folder, 'values', '0'))).toEqual(['2']);
    expect(readdirSync(join(place.folder, 'values', '2'))).toEqual(['notes.txt']);
  });

  test('removing what is gone and sweeping before anything was written are no errors', () => {
    using place = setup();
    place.files.remove([1, 2, 3]);
    expect(place.files.sweep(() => false)).toBe(0);
  });
});
