import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { MESSAGE_BYTES_MAX } from '../limits.ts';
import { findMailFiles, readMailFile } from './mail-files.ts';

const MAIL = 'From: a@b.example\nSubject: x\n\nhello\n';
const SEPARATOR = 'From a@b.example Thu Aug 22 12:36:23 2002\n';
const NEVER = new AbortController().signal;

// A disk whose first sectors still read: no file system offers it to a test, so reading the whole of such a file fails here.
vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>();
  const readFile: typeof fs.readFile = (async (path: string) => {
    if (!path.endsWith('-on-a-broken-disk')) return fs.readFile(path);
    throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', syscall: 'read' });
  }) as never;
  return { ...fs, readFile };
});

async function setup(files: Readonly<Record<string, string | Uint8Array>>) {
  const folder = await mkdtemp(join(tmpdir(), 'restante-mail-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return {
    folder,
    async find(...names: string[]) {
      const paths = names.length === 0 ? [folder] : names.map((name) => join(folder, name));
      const found = await findMailFiles(paths, NEVER);
      return found.map(({ path, kind }) => `${kind} ${relative(folder, path)}`);
    },
    async read() {
      const read: [string, string | undefined][] = [];
      for (const file of await findMailFiles([folder], NEVER))
        for await (const { path, bytes } of readMailFile(file))
          read.push([relative(folder, path), bytes === undefined ? undefined : new TextDecoder().decode(bytes)]);
      return read;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

describe('mail in files', () => {
  test('is found in folders by name or by how it begins, in the order of names', async () => {
    await using made = await setup({
      'b/2.eml': 'not even a header',
      'b/1.EML': MAIL,
      'a/archive.mbox': SEPARATOR + MAIL,
      'a/00001.7c53': MAIL,
      'a/data.json': '{"subject": "From: x"}',
      'a/notes.txt': 'Shopping: milk\nbread\n\nSubject: none\n',
      'a/.hidden': MAIL,
      '.git/1.eml': MAIL,
      empty: '',
    });
    await symlink(join(made.folder, 'nowhere'), join(made.folder, 'broken.eml'));
    expect(await made.find()).toEqual([
      'message a/00001.7c53',
      'mbox a/archive.mbox',
      'message b/1.EML',
      'message b/2.eml',
    ]);
  });

  test('in a Maildir is every message of cur and new, in its subfolders too', async () => {
    await using made = await setup({
      'm/cur/1.host:2,S': MAIL,
      'm/new/2.host': 'anything',
      'm/tmp/3.host': MAIL,
      'm/maildirsize': 'Subject: no mail',
      'm/.Sent/cur/4.host': MAIL,
      'm/.Sent/new/.keep': '',
    });
    expect(await made.find('m')).toEqual([
      'message m/.Sent/cur/4.host',
      'message m/cur/1.host:2,S',
      'message m/new/2.host',
    ]);
  });

  test('keeps the bytes of a single message, its envelope line included', async () => {
    await using made = await setup({ saved: SEPARATOR + MAIL, 'x.eml': `${SEPARATOR}${MAIL}\n${SEPARATOR}${MAIL}` });
    expect(await made.read()).toEqual([
      ['saved', SEPARATOR + MAIL],
      ['x.eml', `${SEPARATOR}${MAIL}\n${SEPARATOR}${MAIL}`],
    ]);
  });

  test('of several messages is split, and each has a name', async () => {
    await using made = await setup({ inbox: `${SEPARATOR}${MAIL}\n${SEPARATOR}B: 2\n\n>From here\n` });
    expect(await made.read()).toEqual([
      ['inbox#1', MAIL],
      ['inbox#2', 'B: 2\n\nFrom here\n'],
    ]);
  });

  // Only Linux has a file in /proc that everybody may open and nobody can read.
  test.runIf(process.platform === 'linux')('that cannot be read is named, and those after it are read', async () => {
    await using made = await setup({ '1.eml': MAIL, '3.eml': MAIL });
    await symlink('/proc/self/mem', join(made.folder, '2.eml')); // an I/O error for everybody
    expect(await made.read()).toEqual([
      ['1.eml', MAIL],
      ['2.eml', undefined],
      ['3.eml', MAIL],
    ]);
  });

  test('that cannot be read beyond its beginning is named, though it may have been an mbox', async () => {
    await using made = await setup({ '1.eml': MAIL, '2-on-a-broken-disk': `${SEPARATOR}${MAIL}`, '3.eml': MAIL });
    expect(await made.find('2-on-a-broken-disk')).toEqual(['message 2-on-a-broken-disk']);
    expect(await made.read()).toEqual([
      ['1.eml', MAIL],
      ['2-on-a-broken-disk', undefined],
      ['3.eml', MAIL],
    ]);
  });

  test('that is larger than any message is named, not read', async () => {
    await using made = await setup({ 'large.eml': new Uint8Array(MESSAGE_BYTES_MAX + 1), 'small.eml': MAIL });
    expect(await made.read()).toEqual([
      ['large.eml', undefined],
      ['small.eml', MAIL],
    ]);
  });

  test('is taken for mail when it is named, and told when it is not there', async () => {
    await using made = await setup({ 'data.json': '{}' });
    expect(await made.find('data.json')).toEqual(['message data.json']);
    await expect(made.find('nothing.eml')).rejects.toMatchObject({ code: 'not_found' });
  });
});
