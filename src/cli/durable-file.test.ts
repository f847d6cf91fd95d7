import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import { writeAll } from './durable-file.ts';

test('what a disk takes in parts is written to its end, at its place', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'restante-write-'));
  await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  await using file = await open(join(folder, 'file'), 'w+');
  const write = file.write.bind(file) as typeof file.write;
  const slow = {
    write: (bytes: Uint8Array, offset: number, length: number, position: number) =>
      write(bytes, offset, Math.min(length, 3), position),
  };
  await writeAll(slow, utf8('0123456789'), 2);
  expect(await readFile(join(folder, 'file'), 'latin1')).toBe('\0\x000123456789');
});
