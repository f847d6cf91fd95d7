import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { REFUSED_RECIPIENTS_MAX } from '../../src/smtp-door/limits.ts';
import { DoorHome, splitTrace } from '../harness/door-home.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { SmtpTalk } from '../harness/smtp-talk.ts';

const MiB = 1024 * 1024;
const MESSAGE_BYTES_MAX = 3 * MiB;

/** The home of this file; each test writes to it on connections of its own. */
const home = await DoorHome.open({ names: ['alice'], args: ['--smtp-size', String(MESSAGE_BYTES_MAX)] });
afterAll(() => home[Symbol.asyncDispose]());
const ALICE = 'alice@home.example';
const MALLORY = 'mallory@evil.example';

function talk(greeting?: string): Promise<SmtpTalk> {
  return SmtpTalk.open(home.port, greeting);
}

/** Of all that has come so far. */
async function subjects(): Promise<unknown[]> {
  return (await home.list('alice')).map(({ subject }) => subject);
}

describe('the SMTP door in bad company', () => {
  test('relays nothing', async () => {
    await using mallory = await talk();
    expect(await mallory.ask(`MAIL FROM:<${ALICE}>`)).toMatch(/^250 /);
    const elsewhere = [
      'victim@elsewhere.example',
      'victim@home.example.elsewhere.example',
      'victim@xhome.example',
      'victim@home.example@elsewhere.example',
      '"victim@home.example"@elsewhere.example',
      'victim@[127.0.0.1]',
      'victim',
    ];
    for (const address of elsewhere)
      expect(await mallory.ask(`RCPT TO:<${address}>`), address).toMatch(/^(550 5\.7\.1|501) /);
    const here = [
      'victim%elsewhere.example@home.example',
      'elsewhere.example!victim@home.example',
      'nobody@home.example',
    ];
    for (const address of here) expect(await mallory.ask(`RCPT TO:<${address}>`), address).toMatch(/^550 5\.1\.1 /);
    expect(await mallory.ask('RCPT TO:<@home.example:victim@elsewhere.example>')).toMatch(/^550 5\.7\.1 /);
    expect(await mallory.ask('DATA')).toMatch(/^503 /);
    expect(await mallory.ask('AUTH PLAIN AGEAYg==')).toMatch(/^500 /);
  });

  test('delivers nothing to its own account', async () => {
    await using honest = await talk();
    expect(await honest.mail('', [ALICE], 'Subject: whose\r\n\r\nx')).toMatch(/^250 /);
    const author = String((await home.list('alice'))[0]?.author);
    expect(author).toMatch(/^smtp-door-[0-9a-f]{16}@home\.example$/);
    await using mallory = await talk();
    expect(await mallory.mail(MALLORY, [author], 'Subject: x\r\n\r\nx')).toMatch(/^550 5\.1\.1 /);
    const taken = await home.run(['account', 'new', 'smtp-door-0123456789abcdef@home.example']);
    expect(taken.code).not.toBe(0);
    const answer = await home.run(['send', '--address', ALICE, '--to', author, '--subject', 'x'], 'x');
    expect(answer.code).not.toBe(0);
  });

  test('takes no message whose end two servers may see at two places', async () => {
    const ends = ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r.\r\n', '\r\n.\r', '\r\r\n.\r\n', '\n..\r\n', '\n\n.\r\n'];
    for (const end of ends) {
      await using mallory = await talk();
      const smuggled = `MAIL FROM:<ceo@bank.example>\r\nRCPT TO:<${ALICE}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx`;
      const answer = await mallory.mail(MALLORY, [ALICE], `Subject: carrier\r\n\r\nx${end}${smuggled}`);
      expect(answer, JSON.stringify(end)).toMatch(/^550 5\.5\.2 /);
      // CR LF . CR LF ends a message whatever stands before: what follows here are commands, of the same sender.
      if (end.endsWith('\r\n.\r\n')) continue;
      // All the rest was text: the next answer is to the next command.
      expect(await mallory.ask('NOOP'), JSON.stringify(end)).toMatch(/^250 /);
    }
    const came = await subjects();
    expect(came).not.toContain('carrier');
    expect(came).not.toContain('smuggled');
  });

  test('takes no message that came before it was asked for', async () => {
    await using mallory = await talk();
    const envelope = `MAIL FROM:<${MALLORY}>\r\nRCPT TO:<${ALICE}>\r\nDATA\r\n`;
    mallory.send(`${envelope}Subject: too early\r\n\r\nx\r\n.\r\n`);
    expect(await mallory.read()).toMatch(/^250 /);
    expect(await mallory.read()).toMatch(/^250 /);
    expect(await mallory.read()).toMatch(/^354 /);
    expect(await mallory.read()).toMatch(/^503 5\.5\.0 /);
    // An envelope in one group is as RFC 2920 has it.
    mallory.send(envelope);
    expect(await mallory.read()).toMatch(/^250 /);
    expect(await mallory.read()).toMatch(/^250 /);
    expect(await mallory.read()).toMatch(/^354 /);
    mallory.send('Subject: in time\r\n\r\nx\r\n.\r\n');
    expect(await mallory.read()).toMatch(/^250 /);
    const came = await subjects();
    expect(came).toContain('in time');
    expect(came).not.toContain('too early');
  });

  test('listens to nobody who speaks before the greeting', async () => {
    await using mallory = await SmtpTalk.open(home.port, '', 'EHLO mail.example.net\r\n');
    expect(mallory.greeting).toMatch(/^421 /);
    expect(await mallory.read()).toBe('closed');
  });

  test('refuses a line of ten megabytes, within a message and as a command, and goes on', async () => {
    const long = Buffer.alloc(10 * MiB, 'x');
    await using mallory = await talk();
    const data = Buffer.concat([Buffer.from('Subject: long\r\n\r\n'), long]);
    expect(await mallory.mail(MALLORY, [ALICE], data)).toMatch(/^554 5\.6\.0 /);
    expect(await mallory.mail(MALLORY, [ALICE], 'Subject: short\r\n\r\nx')).toMatch(/^250 /);
    mallory.send(long);
    expect(await mallory.read()).toMatch(/^(421 |closed)/);
  });

  test('says how large a message may be, and refuses a larger one before and after it came', async () => {
    await using mallory = await talk('');
    expect(await mallory.ask('EHLO mail.example.net')).toContain(`SIZE ${MESSAGE_BYTES_MAX}`);
    const announced = MESSAGE_BYTES_MAX + 1;
    expect(await mallory.ask(`MAIL FROM:<${MALLORY}> SIZE=${announced}`)).toMatch(/^552 /);
    const line = `${'x'.repeat(1_022)}\r\n`;
    const size = 1_024 * Math.floor(MESSAGE_BYTES_MAX / 1_024);
    const full = `\r\n${line.repeat(size / 1_024 - 1)}`.slice(0, -2);
    expect(await mallory.mail(MALLORY, [ALICE], `${line}${full}`)).toMatch(/^552 5\.3\.4 /);
    expect(await mallory.mail(MALLORY, [ALICE], full)).toMatch(/^250 /);
  });

  test('cuts who tries addresses', async () => {
    await using mallory = await talk();
    expect(await mallory.ask(`MAIL FROM:<${MALLORY}>`)).toMatch(/^250 /);
    for (let i = 0; i < REFUSED_RECIPIENTS_MAX; i++)
      expect(await mallory.ask(`RCPT TO:<guess${i}@home.example>`)).toMatch(/^550 5\.1\.1 /);
    expect(await mallory.ask('RCPT TO:<guess@home.example>')).toMatch(/^421 4\.7\.0 /);
    expect(await mallory.read()).toBe('closed');
  });

  test('keeps nothing of a message whose sender went away, and lets that harm nobody', async () => {
    const canary = `canary-${randomBytes(12).toString('hex')}`;
    for (let i = 0; i < 20; i++) {
      await using mallory = await talk();
      await mallory.ask(`MAIL FROM:<${MALLORY}>`);
      await mallory.ask(`RCPT TO:<${ALICE}>`);
      await mallory.ask('DATA');
      mallory.send(`Subject: ${canary}\r\n\r\n${canary}\r\n`);
    }
    await using honest = await talk();
    expect(await honest.mail('', [ALICE], 'Subject: after\r\n\r\nx')).toMatch(/^250 /);
    const came = await subjects();
    expect(came).toContain('after');
    expect(came).not.toContain(canary);
    expect(new SecretScan([canary]).inFolder(home.folder).found).toEqual([]);
  });

  test('lets nobody write headers above a message', async () => {
    await using mallory = await talk('EHLO x)\x1b[31m(evil');
    const answer = await mallory.mail('a@b.example>\rX-Injected: 1<', [ALICE], 'Subject: injected\r\n\r\nx');
    expect(answer).toMatch(/^5/);
    const traces = (await home.octets('alice')).map((octets) => splitTrace(octets).trace);
    expect(traces.length).toBeGreaterThan(0);
    expect(traces.join('')).not.toMatch(/X-Injected|\x1b|x\)/);
  });
});
