/** A mail with large attachments, as a person gets it from an ordinary program: shown, fetched, exported to the octet, erased. */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createTransport } from 'nodemailer';
import { expect, test } from 'vitest';
import { DoorHome, splitTrace } from '../harness/door-home.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { SmtpTalk } from '../harness/smtp-talk.ts';

const MiB = 1024 * 1024;

test('a mail of 12 MiB is read, its attachment fetched, and all of it exported as it came; the server reads none', async () => {
  await using home = await DoorHome.open({ names: ['alice', 'bob'] });
  const canary = `canary-${randomBytes(12).toString('hex')}`;
  const film = Buffer.concat([Buffer.from(canary), randomBytes(6 * MiB)]);
  const composed = await createTransport({ streamTransport: true, buffer: true, newline: 'windows' }).sendMail({
    from: 'Carol <carol@elsewhere.example>',
    to: 'alice@home.example',
    subject: `The film ${canary}`,
    text: `It is attached. ${canary}`,
    attachments: [
      { filename: 'film – final.mkv', content: film },
      { filename: 'sound.flac', content: film.subarray(0, 2 * MiB + 1) },
    ],
  });
  const message = (composed.message as Buffer).toString('latin1');
  await using talk = await SmtpTalk.open(home.port);
  const stuffed = message.replace(/^\./gm, '..').replace(/\r\n$/, '');
  expect(await talk.mail('carol@elsewhere.example', ['alice@home.example', 'bob@home.example'], stuffed)).toMatch(
    /^250 /,
  );

  const [mail] = await home.list('alice');
  expect(mail).toMatchObject({ subject: `The film ${canary}`, attachments: 2, outside: true });
  const shown = (await home.as('alice', ['read', String(mail?.id)])).lines;
  expect(shown).toMatchObject([{ text: expect.stringContaining(`It is attached. ${canary}`) }]);
  const saved = home.path('saved');
  await home.as('alice', ['read', String(mail?.id), '--save', saved]);
  expect((await readdir(saved)).sort()).toEqual(['film – final.mkv', 'sound.flac']);
  expect(hash(await readFile(`${saved}/film – final.mkv`))).toBe(hash(film));

  for (const name of ['alice', 'bob']) {
    const [octets = Buffer.alloc(0)] = await home.octets(name, ['--attachments']);
    const { message: below, trace } = splitTrace(octets);
    expect(below.equals(Buffer.from(message, 'latin1'))).toBe(true);
    expect(trace).toContain(`for <${name}@home.example>;`);
  }
  const { count, found } = new SecretScan([canary]).inFolder(home.folder);
  expect(found).toEqual([]);
  expect(count).toBeGreaterThan(3);
});

test('a mail that no part of could go another way is attached whole, and exported as it came', async () => {
  await using home = await DoorHome.open({ names: ['alice'], args: ['--smtp-size', '5MB'] });
  const text = `${'A long line of a log file, which nobody reads. '.repeat(20)}\r\n`.repeat(4_500);
  const message = `From: Log <log@elsewhere.example>\r\nSubject: all of it\r\n\r\n${text}`;
  await using talk = await SmtpTalk.open(home.port);
  expect(await talk.mail('', ['alice@home.example'], message.slice(0, -2))).toMatch(/^250 /);
  expect(await talk.mail('', ['alice@home.example'], `${message}${text}`)).toMatch(/^552 5\.3\.4 /);
  const [mail] = await home.list('alice');
  expect(mail).toMatchObject({ subject: 'all of it', from: 'Log <log@elsewhere.example>', attachments: 1 });
  const [octets = Buffer.alloc(0)] = await home.octets('alice', ['--attachments']);
  expect(splitTrace(octets).message.equals(Buffer.from(message, 'latin1'))).toBe(true);
});

function hash(octets: Buffer): string {
  return createHash('sha256').update(octets).digest('hex');
}
