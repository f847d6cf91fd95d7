import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { DoorHome } from '../harness/door-home.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { SmtpSink } from '../harness/smtp-sink.ts';
import { until } from '../harness/until.ts';

test('a person writes to an ordinary address: in the clear if they say so, and hears what the server said', async () => {
  await using sink = await SmtpSink.open({
    recipients: { 'nobody@elsewhere.invalid': { code: 550, text: '5.1.1 nobody' } },
  });
  await using home = await DoorHome.open({
    names: ['alice'],
    args: ['--smtp-relay', `smtp://127.0.0.1:${sink.settings.port}`],
  });
  const canary = `canary-${randomBytes(12).toString('hex')}`;
  const mail = ['--to', 'carol@elsewhere.invalid', '--bcc', 'nobody@elsewhere.invalid', '--subject', canary];
  const body = ['--body', `Lunch? ${canary}`];

  const refused = await home.run(['send', ...mail, ...body, '--address', 'alice@home.example']);
  expect(refused.code).toBe(1);
  expect(sink.taken).toEqual([]);

  const [sent] = (await home.as('alice', ['send', ...mail, ...body, '--plain'])).lines;
  expect(sent).toMatchObject({
    status: 'accepted',
    ordinary: { to: ['carol@elsewhere.invalid', 'nobody@elsewhere.invalid'], encrypted: false },
  });
  await until(() => sink.taken.length > 0);
  const [text = ''] = sink.taken;
  expect(text).toContain(`Subject: ${canary}\r\n`);
  expect(text).toContain(`Lunch? ${canary}`);
  expect(text).toMatch(/^DKIM-Signature: /);
  expect(text).not.toContain('nobody@');

  const [listed] = await home.list('alice');
  const there = { home: 'elsewhere.invalid' };
  expect(new Set(listed?.deliveries as readonly object[])).toEqual(
    new Set([
      expect.objectContaining({
        ...there,
        recipients: ['nobody@elsewhere.invalid'],
        status: 'refused',
        reply: '550 5.1.1 nobody',
      }),
      expect.objectContaining({
        ...there,
        recipients: ['carol@elsewhere.invalid'],
        status: 'delivered',
        reply: '250 OK: message queued',
      }),
    ]),
  );
  expect(new SecretScan([canary]).inFolder(home.folder).found).toEqual([]);
});
