import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../base/index.ts';
import { findMailFiles, readMailFile } from './mail-files.ts';
import { EXPORT_FORMATS, openMailWriter } from './mail-writer.ts';

const MESSAGES = [
  utf8('Subject: a\r\n\r\nFrom here on\r\n'),
  utf8('From x Thu Aug 22 12:36:23 2002\nno header\n\n>From y\n'),
  Uint8Array.from([0, 255, 13, 10, 10]),
];

function messageOf(index: number) {
  const id = String(index).repeat(64);
  return {
    id,
    author: 'a@b.example',
    receivedAt: 1_700_000_000_000 + index,
    isUnread: index === 1,
    isFlagged: index === 2,
  };
}

async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'restante-export-'));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

describe('exported mail', () => {
  for (const format of EXPORT_FORMATS)
    test(`as ${format} is read again byte for byte, and written once`, async () => {
      await using made = await setup();
      const path = join(made.folder, format === 'mbox' ? 'all.mbox' : 'all');
      for (const run of format === 'mbox' ? [1] : [1, 2]) {
        await using writer = await openMailWriter(path, format);
        for (const [index, bytes] of MESSAGES.entries()) {
          const { id } = messageOf(index);
          expect(await writer.has(id)).toBe(run === 2);
          expect(await writer.has(id, bytes.length + 1)).toBe(false);
          if (!(await writer.has(id, bytes.length))) await writer.write(messageOf(index), [bytes]);
        }
        await writer.finish();
      }
      const read: Uint8Array[] = [];
      for (const file of await findMailFiles([path], new AbortController().signal))
        for await (const { bytes } of readMailFile(file)) read.push(bytes ?? new Uint8Array(0));
      expect(read).toEqual(MESSAGES);
    });

  for (const format of ['eml', 'maildir'] as const)
    test(`as ${format} is not there where its file is empty, and is written again`, async () => {
      await using made = await setup();
      {
        await using writer = await openMailWriter(made.folder, format);
        await writer.write(messageOf(1), []);
      }
      await using writer = await openMailWriter(made.folder, format);
      expect(await writer.has(messageOf(1).id)).toBe(false);
      await writer.write(messageOf(1), [utf8('Subject: b\n\n')]);
      const read: (string | undefined)[] = [];
      for (const file of await findMailFiles([made.folder], new AbortController().signal))
        for await (const { bytes } of readMailFile(file)) read.push(Buffer.from(bytes ?? []).toString());
      expect(read).toEqual(['Subject: b\n\n']);
    });

  for (const format of EXPORT_FORMATS)
    test(`as ${format} has nothing of a message whose octets cannot be had, and may have it otherwise`, async () => {
      await using made = await setup();
      const path = join(made.folder, format === 'mbox' ? 'all.mbox' : 'all');
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield utf8('Subject: half\n\n');
        throw new Error('no more');
      }
      for (const run of format === 'mbox' ? [1] : [1, 2]) {
        await using writer = await openMailWriter(path, format);
        await expect(writer.write(messageOf(1), broken())).rejects.toThrow('no more');
        await writer.write({ ...messageOf(1), isUnread: run === 1 }, [utf8(`Subject: ${run}\n\n`), utf8('From x\n')]);
        await writer.finish();
      }
      const read: (string | undefined)[] = [];
      for (const file of await findMailFiles([path], new AbortController().signal))
        for await (const { bytes } of readMailFile(file)) read.push(Buffer.from(bytes ?? []).toString());
      expect(read).toEqual([`Subject: ${format === 'mbox' ? 1 : 2}\n\nFrom x\n`]);
    });

  test('in a Maildir carries its flags', async () => {
    await using made = await setup();
    await using writer = await openMailWriter(made.folder, 'maildir');
    for (const [index, bytes] of MESSAGES.entries()) await writer.write(messageOf(index), [bytes]);
    const flags = (await readdir(join(made.folder, 'cur'))).sort().map((name) => name.split('2,')[1]);
    expect(flags).toEqual(['S', '', 'FS']);
    expect(await readdir(join(made.folder, 'tmp'))).toEqual([]);
  });

  test('as an mbox is not there before it is complete, and overwrites nothing', async () => {
    await using made = await setup();
    const path = join(made.folder, 'all.mbox');
    {
      await using writer = await openMailWriter(path, 'mbox');
      await writer.write(messageOf(0), [utf8('x\n')]);
    }
    expect(await readdir(made.folder)).toEqual([]);
    {
      await using writer = await openMailWriter(path, 'mbox');
      await writer.write(messageOf(0), [utf8('x\n')]);
      await writer.finish();
    }
    await expect(openMailWriter(path, 'mbox')).rejects.toMatchObject({ code: 'file_exists' });
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(4);
  });
});
