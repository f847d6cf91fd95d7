/** An IMAP account as JMAP, against a real Dovecot. */
import { describe, expect, test } from 'vitest';
import { Dovecot, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { message } from '../harness/imap-mail.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { runLength } from '../harness/length.ts';
import { realMails } from '../harness/real-mails.ts';
import { until } from '../harness/until.ts';

const FIRST_SCREEN = 50;
/** The product's bound is a second on a machine that does nothing else; tests run beside each other. */
const FIRST_SCREEN_MS = 5_000;
const MESSAGES = runLength(300, 6_000);

// Dovecot is a program of the machine, which skipsWithoutDovecot tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutDovecot('synchronisation of IMAP accounts'))('an IMAP account', () => {
  test('shows folders with their roles, messages, their text and their bytes', async () => {
    await using dovecot = await Dovecot.open();
    await using world = await ImapWorld.open(dovecot, { user: 'alice' });
    const other = await world.other();
    await other.append('INBOX', message('one', 'about giraffes'), ['\\Seen']);
    await other.mailboxCreate('Work/Plans');
    await other.append('Work/Plans', message('two'), ['\\Flagged', 'custom']);
    await world.settled();
    const [mailboxes] = await world.call(['Mailbox/get', { ids: null }]);
    const list = mailboxes?.list as { name: string; role: string | null; parentId: string | null }[];
    expect(list.map(({ name, role }) => [name, role])).toEqual(
      expect.arrayContaining([
        ['Inbox', 'inbox'],
        ['Drafts', 'drafts'],
        ['Plans', null],
      ]),
    );
    await until(() => [...world.account.emailIds()].every((id) => world.account.email(id)?.preview !== ''));
    const [, emails] = await world.call(
      ['Email/query', { filter: { text: 'giraffes' } }],
      [
        'Email/get',
        {
          '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' },
          properties: ['subject', 'keywords', 'preview', 'bodyValues', 'textBody'],
          fetchTextBodyValues: true,
        },
      ],
    );
    expect(emails?.list).toMatchObject([{ subject: 'one', keywords: { $seen: true }, preview: 'about giraffes' }]);
    expect(JSON.stringify(emails?.list)).toContain('about giraffes\\n');
    await other.logout();
  });

  test('has the newest first, and in the end every message octet by octet', async () => {
    await using dovecot = await Dovecot.open();
    const loader = await ImapWorld.empty(dovecot, { user: 'alice' });
    await loader[Symbol.asyncDispose]();
    const other = await loader.other();
    const mail = await realMails(MESSAGES);
    for (const mime of mail) await other.append('INBOX', mime);
    await using account = await ImapWorld.open(dovecot, { user: 'alice' });
    const startedAt = performance.now();
    await until(() => account.emailCount >= FIRST_SCREEN);
    const firstScreenMs = performance.now() - startedAt;
    // They are the newest, however much was fetched meanwhile.
    const uids = [...account.account.emailIds()].map((id) =>
      Number(account.account.email(id)?.place?.split(':').at(-1)),
    );
    for (let uid = mail.length; uid > mail.length - FIRST_SCREEN; uid--) expect(uids).toContain(uid);
    await account.settled();
    expect(account.emailCount).toBe(mail.length);
    await until(() => account.isTextRead);
    const lock = await other.getMailboxLock('INBOX');
    for await (const { source, uid } of other.fetch('1:*', { uid: true, source: true }))
      expect(Buffer.compare(await account.rawAt(uid), source ?? Buffer.alloc(0)), `UID ${uid}`).toBe(0);
    lock.release();
    other.close();
    expect(firstScreenMs).toBeLessThan(FIRST_SCREEN_MS);
  });
});
