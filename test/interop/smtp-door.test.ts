import { randomBytes } from 'node:crypto';
import { createTransport } from 'nodemailer';
import { describe, expect, test } from 'vitest';
import { Certificate } from '../harness/certificate.ts';
import { DoorHome, splitTrace, starttls } from '../harness/door-home.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { SmtpTalk } from '../harness/smtp-talk.ts';

describe('the SMTP door', () => {
  test('takes mail from an ordinary program, and the person reads it as ordinary mail', async () => {
    await using certificate = await Certificate.create();
    await using home = await DoorHome.open({ names: ['alice', 'bob'], args: starttls(certificate) });
    const canary = `canary-${randomBytes(12).toString('hex')}`;
    const transport = createTransport({
      host: '127.0.0.1',
      port: home.port,
      requireTLS: true,
      tls: { rejectUnauthorized: false },
    });
    const sent = await transport.sendMail({
      from: 'Carol <carol@elsewhere.example>',
      to: ['alice@home.example'],
      bcc: ['bob@home.example'],
      subject: `Grüße ${canary}`,
      text: `Lunch? ${canary}\n.\n..two dots\n`,
    });
    transport.close();
    expect(sent.accepted).toEqual(['alice@home.example', 'bob@home.example']);
    expect(sent.response).toMatch(/^250 /);

    const [mail] = await home.list('alice');
    expect(mail).toMatchObject({
      from: 'Carol <carol@elsewhere.example>',
      to: ['alice@home.example'],
      subject: `Grüße ${canary}`,
      verified: false,
      proof: 'unsigned',
      outside: true,
    });
    const shown = (await home.as('alice', ['read', String(mail?.id)])).lines;
    expect(shown).toMatchObject([{ text: expect.stringContaining(`Lunch? ${canary}\n.\n..two dots`) }]);
    expect(await home.list('bob')).toMatchObject([{ subject: `Grüße ${canary}`, to: ['alice@home.example'] }]);
    for (const { trace } of (await home.octets('bob')).map(splitTrace)) {
      expect(trace).toMatch(/with ESMTPS id \S+\r\n\tfor <bob@home\.example>;/);
      expect(trace).not.toContain('alice');
    }
    const [status] = (await home.run(['status', '--data', home.folder])).lines;
    expect(status?.smtp).toMatchObject({ accepted: 1, refused: 0, deferred: 0 });
    const { found, count } = new SecretScan([canary]).inFolder(home.folder);
    expect(found).toEqual([]);
    expect(count).toBeGreaterThan(3);
  });

  test('keeps the octets of DATA as they came, below its own trace', async () => {
    await using home = await DoorHome.open({ names: ['alice'] });
    const wide = `\x00\x01 \xff \xc3\x28 ${'x'.repeat(5_000)}`;
    const lines = ['Subject: odd', '', '.leading dot', '', wide, '.', '..', 'From here', ' '];
    const message = Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1');
    const stuffed = lines.map((line) => (line.startsWith('.') ? `.${line}` : line)).join('\r\n');
    await using talk = await SmtpTalk.open(home.port, 'EHLO mail.(example)');
    expect(await talk.mail('', ['ALICE@Home.Example'], stuffed)).toMatch(/^250 /);

    const [octets = Buffer.alloc(0)] = await home.octets('alice');
    const { trace, message: below } = splitTrace(octets);
    expect(below.equals(message)).toBe(true);
    expect(trace).toMatch(/^Return-Path: <>\r\nAuthentication-Results: home\.example;\r\n/);
    expect(trace).toMatch(/\r\nReceived: from mail\.\?example\? \(\[127\.0\.0\.1\]\)\r\n/);
    expect(trace).toMatch(
      /\r\n\tby home\.example with ESMTP id \S+\r\n\tfor <alice@home\.example>;\r\n\t.* \+0000\r\n$/,
    );
  });
});
