/** Real SpamAssassin judges what comes: its finding is in the encrypted mail, and the person's programs file it as junk. */
import { expect, test } from 'vitest';
import { DoorHome, splitTrace } from '../harness/door-home.ts';
import { skipWithout } from '../harness/requirement.ts';
import { SmtpTalk } from '../harness/smtp-talk.ts';
import { GTUBE, hasSpamd, Spamd } from '../harness/spamd.ts';

const SKIPPED = skipWithout(hasSpamd(), {
  test: 'junk in mail from outside',
  lack: 'Debian’s spamd is not installed',
});

// Without a filter nobody says what is junk; CI has it.
test.skipIf(SKIPPED)(
  'what SpamAssassin finds is in the mail, junk is filed as such, and mail goes on without it',
  async () => {
    const spamd = await Spamd.open();
    try {
      await using home = await DoorHome.open({
        names: ['alice'],
        args: ['--smtp-filter', `spamd:127.0.0.1:${spamd.port}`],
      });
      await using talk = await SmtpTalk.open(home.port);
      const send = (subject: string, text: string) =>
        talk.mail(
          'carol@elsewhere.example',
          ['alice@home.example'],
          `Restante-Junk: no; friend\r\nFrom: Carol <carol@elsewhere.example>\r\nSubject: ${subject}\r\n\r\n${text}`,
        );
      expect(await send('lunch', 'Shall we have lunch on Tuesday?')).toMatch(/^250 /);
      expect(await send('buy this', GTUBE)).toMatch(/^250 /);
      expect((await home.list('alice')).map(({ subject }) => subject)).toEqual(['lunch']);
      const all = (await home.as('alice', ['list', '--junk'])).lines;
      expect(all.map(({ subject }) => subject)).toEqual(['buy this', 'lunch']);
      await home.as('alice', ['mark', String(all[0]?.id), '--not-junk']);
      expect((await home.list('alice')).map(({ subject }) => subject)).toEqual(['buy this', 'lunch']);
      const findings = (await home.octets('alice')).map((octets) => splitTrace(octets).trace);
      expect(findings.find((trace) => trace.includes('Restante-Junk: yes; spamd score=1'))).toBeDefined();
      expect(findings.find((trace) => trace.includes('Restante-Junk: no; spamd score='))).toBeDefined();
      expect(findings.join('')).not.toContain('friend');

      await spamd[Symbol.asyncDispose]();
      expect(await send('after', 'And on Wednesday?')).toMatch(/^250 /);
      expect((await home.list('alice')).map(({ subject }) => subject)).toEqual(['after', 'buy this', 'lunch']);
    } finally {
      await spamd[Symbol.asyncDispose]();
    }
  },
);
