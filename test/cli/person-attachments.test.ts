import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { simpleParser } from 'mailparser';
import { describe, expect, test } from 'vitest';
import { Sandbox } from './command-line.ts';
import { only, openPeople } from './people.ts';

describe('large attachments on the command line', () => {
  test('are sent and saved, also where an earlier command was killed', async () => {
    await using own = await Sandbox.open();
    const { home } = await own
      .start(['up', '--port', '0', '--registration', 'open', '--json', '--data', own.path('home')])
      .next();
    await using world = await openPeople(['alice', 'bob'], home);
    const [alice, bob] = world.addresses;
    const { as, sandbox } = world;
    const film = randomBytes(3 * 1024 * 1024 + 77);
    await writeFile(sandbox.path('film.mkv'), film);
    const send = ['send', '--to', bob, '--body', 'see there', '--attach', sandbox.path('film.mkv')];
    const { id, status } = only(await as(alice, send));
    expect(status).toBe('accepted');
    only(await as(bob, ['sync']));
    const saved = sandbox.path('saved');
    const save = ['read', String(id), '--save', saved];
    const read = only(await as(bob, save));
    expect(read).toMatchObject({
      attachments: [{ name: 'film.mkv', size: film.length }],
      saved: [`${saved}/film.mkv`],
    });
    expect(JSON.stringify(read)).not.toContain('"key"');
    expect(Buffer.compare(await readFile(`${saved}/film.mkv`), film)).toBe(0);
    // What a killed command leaves: a part, of which all but the last chunk is right.
    const raw = (await as(bob, ['read', String(id), '--raw'])).stdout;
    const [, part = ''] = /attachment\+json[\s\S]*?\r\n\r\n([\s\S]*?)--/.exec(raw) ?? [];
    const { list } = JSON.parse(Buffer.from(part, 'base64').toString()) as { list: string };
    const half = Buffer.concat([film.subarray(0, 2 * 1024 * 1024), randomBytes(1000)]);
    await writeFile(`${saved}/.${list.slice(0, 32)}.part`, half);
    expect(only(await as(bob, save))).toMatchObject({ saved: [`${saved}/2-film.mkv`] });
    expect(Buffer.compare(await readFile(`${saved}/2-film.mkv`), film)).toBe(0);
    expect((await readdir(saved)).sort()).toEqual(['2-film.mkv', 'film.mkv']);
  });

  test('are exported with their mail when asked for, and named where they cannot be had', async () => {
    await using own = await Sandbox.open();
    const up = own.start(['up', '--port', '0', '--registration', 'open', '--json', '--data', own.path('home')]);
    const { home } = await up.next();
    await using world = await openPeople(['alice', 'bob'], home);
    const [alice, bob] = world.addresses;
    const { as, sandbox } = world;
    const film = randomBytes(3 * 1024 * 1024 + 77);
    await writeFile(sandbox.path('film.mkv'), film);
    const { id } = only(await as(alice, ['send', '--to', bob, '--body', 'see', '--attach', sandbox.path('film.mkv')]));
    only(await as(bob, ['sync']));
    const [mail, mbox] = [sandbox.path('mail'), sandbox.path('all.mbox')];
    expect(only(await as(bob, ['export', mail]))).toEqual({ messages: 1, path: mail, withoutAttachments: 1 });
    const signed = await readFile(`${mail}/${id}.eml`);
    for (let run = 1; run <= 2; run++)
      expect(only(await as(bob, ['export', mail, '--attachments']))).toEqual({ messages: 1, path: mail });
    only(await as(bob, ['export', mbox, '--format', 'mbox', '--attachments']));
    const separator = /^From .*\n/;
    for (const bytes of [
      await readFile(`${mail}/${id}.eml`),
      Buffer.from((await readFile(mbox, 'latin1')).replace(separator, ''), 'latin1'),
    ]) {
      const { attachments, text } = await simpleParser(bytes, {});
      expect(text).toMatch(/^see/);
      expect(attachments).toMatchObject([{ filename: 'film.mkv', size: film.length }]);
      expect(attachments[0]?.content.equals(film)).toBe(true);
    }
    await up.stop('SIGTERM');
    const late = sandbox.path('late');
    expect(await as(bob, ['export', late, '--attachments'])).toMatchObject({
      code: 1,
      lines: [{ messages: 1, incomplete: [{ id, code: 'offline', attachments: ['film.mkv'] }] }],
    });
    expect((await readFile(`${late}/${id}.eml`)).equals(signed)).toBe(true);
  });
});
