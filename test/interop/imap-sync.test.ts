/** An IMAP account as JMAP, against a real Dovecot. */
import { describe, expect, test } from 'vitest';
import { Dovecot, hasDovecot } from '../harness/dovecot.ts';
import { message } from '../harness/imap-mail.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { until } from '../harness/until.ts';

describe.skipIf(!hasDovecot())('an IMAP account', () => {
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
});
