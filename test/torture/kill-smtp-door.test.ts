/**
 * A home is killed again and again while mail comes to its door, on several connections. What was answered 250 is there, once;
 * what was not answered may be there or not; nothing of it is in the clear, and the door is the same after each start.
 */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { DoorHome } from '../harness/door-home.ts';
import { runLength } from '../harness/length.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { SmtpTalk } from '../harness/smtp-talk.ts';

const KILLS = runLength(3, 60);
const CONNECTIONS = 4;
/** Answers after which the home is killed, one more each time: others are on their way then, at some step or other. */
const ANSWERS_FIRST = 5;

test(`what an SMTP door has answered for survives kill -9 (${KILLS} kills)`, async () => {
  await using home = await DoorHome.open({ names: ['alice'] });
  const canary = `canary-${randomBytes(12).toString('hex')}`;
  const answered: string[] = [];
  const unanswered: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    let left = ANSWERS_FIRST + kill;
    const stopped = new AbortController();
    const sending = Array.from({ length: CONNECTIONS }, async (_, connection) => {
      await using talk = await SmtpTalk.open(home.port);
      for (let i = 0; !stopped.signal.aborted; i++) {
        const name = `${kill}-${connection}-${i}`;
        const mail = `Subject: ${name}\r\n\r\n${canary} ${'x'.repeat(1 + i * 997)}`;
        const answer = await talk.mail('', ['alice@home.example'], mail);
        (answer.startsWith('250 ') ? answered : unanswered).push(name);
        if (answer.startsWith('250 ') && --left === 0) stopped.abort(home.killAndRestart());
        if (answer === 'closed') return;
      }
    });
    await Promise.all(sending);
    await stopped.signal.reason;
  }

  const mails = await home.list('alice');
  const came = mails.map(({ subject }) => String(subject));
  expect(answered.length).toBeGreaterThanOrEqual(KILLS * ANSWERS_FIRST);
  expect(answered.filter((name) => came.filter((subject) => subject === name).length !== 1)).toEqual([]);
  expect(came.filter((subject) => !answered.includes(subject) && !unanswered.includes(subject))).toEqual([]);
  expect(new Set(mails.map(({ author }) => author)).size).toBe(1); // the door is the same after each start
  expect(new SecretScan([canary]).inFolder(home.folder).found).toEqual([]);
  console.log(`${KILLS} kills: ${answered.length} answered, ${unanswered.length} cut off, ${came.length} there`);
});
