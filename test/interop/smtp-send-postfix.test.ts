/** A home sends through real Postfix: STARTTLS, refusals of single recipients, and signatures that another program verifies. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { Certificate } from '../harness/certificate.ts';
import { hasDkimJudge, judgeDkim } from '../harness/dkim-judge.ts';
import { DoorHome } from '../harness/door-home.ts';
import { hasPostfix, PostfixInbox } from '../harness/postfix.ts';
import { skipWithout } from '../harness/requirement.ts';
import { SecretScan } from '../harness/secret-scan.ts';

/** Of a letter of 25 MiB, whose pieces have 1 MiB: it grew by 45 to 50, and by no less with 10 MiB. */
const GROWTH_MIB_MAX = 80;

const SKIPPED = skipWithout(hasPostfix() && hasDkimJudge(), {
  test: 'a home that sends by Postfix',
  lack: 'Debian’s postfix, python3-dkim or python3-nacl is not installed, or this is not root',
});

// Without Postfix there is nobody to take the mail, and without python3-dkim nobody to judge it; CI has both.
test.skipIf(SKIPPED)(
  'Postfix takes a letter by STARTTLS; what signs it stands in the records that dns prints',
  async () => {
    await using certificate = await Certificate.create();
    await using inbox = await PostfixInbox.open(certificate);
    await using home = await DoorHome.open({
      names: ['alice'],
      args: ['--smtp-relay', `smtp://127.0.0.1:${inbox.port}`],
    });
    const canary = `canary-${randomBytes(12).toString('hex')}`;
    const to = ['--to', 'carol@elsewhere.invalid', '--cc', 'nobody@elsewhere.invalid'];
    const text = `Grüße ${canary}\n.\n..two dots\n${'long '.repeat(300)}\n`;
    await home.as('alice', [
      'send',
      ...to,
      '--subject',
      `Über ${canary}`,
      '--body',
      text,
      '--name',
      'Älice',
      '--plain',
    ]);

    const [message = Buffer.alloc(0), ...others] = await inbox.messages();
    expect(others).toEqual([]);
    const whole = message.toString('latin1').replace(/\r?\n/g, '\r\n');
    expect(whole).toMatch(/^Received: from mail\.home\.example .*using TLSv1\.[23].*with ESMTPS/s);
    const { lines } = await home.run(['dns', '--data', home.folder]);
    const records = Object.fromEntries(
      lines.map(({ name, value }) => [String(name), String(value).replace(/" "/g, '').replaceAll('"', '')]),
    );
    expect(judgeDkim(Buffer.from(whole, 'latin1'), records)).toEqual([true, true]);
    const forged = Buffer.from(whole.replace('two dots', 'two d0ts'), 'latin1');
    expect(judgeDkim(forged, records)).toEqual([false, false]);

    await expect
      .poll(async () => (await home.list('alice')).at(0)?.deliveries, { timeout: 20_000, interval: 500 })
      .toEqual(
        expect.arrayContaining([
          expect.objectContaining({ recipients: ['carol@elsewhere.invalid'], status: 'delivered' }),
          expect.objectContaining({ recipients: ['nobody@elsewhere.invalid'], status: 'refused', code: '5.7.1' }),
        ]),
      );
    expect(new SecretScan([canary]).inFolder(home.folder).found).toEqual([]);
  },
);

// As above: Postfix takes it, and python3-dkim judges it.
test.skipIf(SKIPPED)('a photograph of 18 MiB reaches Postfix byte for byte, signed, a piece at a time', async () => {
  await using certificate = await Certificate.create();
  await using inbox = await PostfixInbox.open(certificate);
  await using home = await DoorHome.open({
    names: ['alice'],
    args: ['--smtp-relay', `smtp://127.0.0.1:${inbox.port}`],
  });
  const [head, middle, end] = [1, 2, 3].map(() => `canary-${randomBytes(12).toString('hex')}`);
  const content = Buffer.concat([
    ...[Buffer.from(String(head)), randomBytes(9 * 1024 * 1024), Buffer.from(String(middle))],
    ...[randomBytes(9 * 1024 * 1024), Buffer.from(String(end))],
  ]);
  await writeFile(home.path('photo.jpg'), content);
  // What everybody pays once: programs that are loaded when they are used.
  const to = ['--to', 'carol@elsewhere.invalid', '--plain'];
  await home.as('alice', ['send', ...to, '--body', 'small']);
  await inbox.messages();
  const peakMiB = home.peakMiB;
  await home.as('alice', ['send', ...to, '--body', 'large', '--attach', home.path('photo.jpg')]);
  await expect
    .poll(async () => (await home.list('alice')).at(0)?.deliveries, { timeout: 30_000, interval: 500 })
    .toMatchObject([{ recipients: ['carol@elsewhere.invalid'], status: 'delivered' }]);
  const grownMiB = home.peakMiB - peakMiB;
  console.log(`the server grew by ${grownMiB} MiB`);

  const message = (await inbox.messages()).find(({ length }) => length > content.length) ?? Buffer.alloc(0);
  const whole = message.toString('latin1').replace(/\r?\n/g, '\r\n');
  const [, encoded = ''] = /name="photo\.jpg"\r\n(?:\S.*\r\n)*\r\n((?:[A-Za-z0-9+/=]+\r\n)+)/.exec(whole) ?? [];
  expect(Buffer.from(encoded, 'base64').equals(content)).toBe(true);
  const { lines } = await home.run(['dns', '--data', home.folder]);
  const records = Object.fromEntries(
    lines.map(({ name, value }) => [String(name), String(value).replace(/" "/g, '').replaceAll('"', '')]),
  );
  expect(judgeDkim(Buffer.from(whole, 'latin1'), records)).toEqual([true, true]);
  expect(new SecretScan([String(head), String(middle), String(end)]).inFolder(home.folder).found).toEqual([]);
  expect(grownMiB).toBeLessThan(GROWTH_MIB_MAX);
});
