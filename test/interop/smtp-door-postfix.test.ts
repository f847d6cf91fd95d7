/** Real Postfix hands mail to a home: what Debian's defaults make of a message, a refusal, and our STARTTLS. */
import { randomBytes } from 'node:crypto';
import { createTransport } from 'nodemailer';
import { expect, test } from 'vitest';
import { Certificate } from '../harness/certificate.ts';
import { DoorHome, splitTrace, starttls } from '../harness/door-home.ts';
import { hasPostfix, PostfixRelay } from '../harness/postfix.ts';
import { skipWithout } from '../harness/requirement.ts';
import { SecretScan } from '../harness/secret-scan.ts';

const SKIPPED = skipWithout(hasPostfix(), {
  test: 'a home that gets its mail from Postfix',
  lack: 'Debian’s postfix is not installed, or this is not root',
});

// Without Postfix there is nobody to hand the mail on; CI has it.
test.skipIf(SKIPPED)('Postfix delivers to a home by STARTTLS, and hears at once whom it does not have', async () => {
  await using certificate = await Certificate.create();
  await using home = await DoorHome.open({ names: ['alice', 'bob'], args: starttls(certificate) });
  await using relay = await PostfixRelay.open(home);
  const canary = `canary-${randomBytes(12).toString('hex')}`;
  const transport = createTransport({ host: '127.0.0.1', port: relay.port, secure: false, ignoreTLS: true });
  const raw = `From: carol@elsewhere.example\r\nSubject: ${canary}\r\n\r\n.dot\r\n\xfc ${'x'.repeat(900)}\r\n..\r\n`;
  await transport.sendMail({
    envelope: {
      from: 'carol@elsewhere.example',
      to: ['alice@home.example', 'bob@home.example', 'nobody@home.example'],
    },
    raw: Buffer.from(raw, 'latin1'),
  });
  await transport.sendMail({
    envelope: { from: '', to: ['victim@third.example'] },
    raw: 'Subject: relay\r\n\r\nx\r\n',
  });
  transport.close();

  expect(await relay.deliveryTo('alice@home.example')).toMatch(/dsn=2\.\d\.\d, status=sent \(250 /);
  expect(await relay.deliveryTo('bob@home.example')).toMatch(/status=sent \(250 /);
  expect(await relay.deliveryTo('nobody@home.example')).toMatch(/dsn=5\.1\.1, status=bounced .*550 5\.1\.1 /);
  expect(await relay.deliveryTo('victim@third.example')).toMatch(/dsn=5\.7\.1, status=bounced .*550 5\.7\.1 /);

  const [octets = Buffer.alloc(0), ...others] = await home.octets('alice');
  expect(others).toEqual([]);
  const { message, trace } = splitTrace(octets);
  expect(trace).toMatch(
    /^Return-Path: <carol@elsewhere\.example>\r\nAuthentication-Results: home\.example;\r\n(?:\t.*\r\n)+Received: from mail\.example\.net \(\[127\.0\.0\.1\]\)/,
  );
  expect(trace).toContain('with ESMTPS id ');
  const text = message.toString('latin1');
  // Postfix adds its own trace, and the fields that a message should have.
  expect(text).toMatch(/^Received: from .*mail\.example\.net \(Postfix\)/s);
  expect(text.endsWith(raw.slice(raw.indexOf('\r\n\r\n')))).toBe(true);
  expect(await home.list('bob')).toMatchObject([{ subject: canary, outside: true, verified: false }]);
  expect(new SecretScan([canary]).inFolder(home.folder).found).toEqual([]);
});
