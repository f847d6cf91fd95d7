/** Changes of both sides of an IMAP account, against a real Dovecot. */
import type { ImapFlow } from 'imapflow';
import { describe, expect, test } from 'vitest';
import { Dovecot, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { contentsOf, message } from '../harness/imap-mail.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { until } from '../harness/until.ts';

async function setup(options: Parameters<typeof Dovecot.open>[0] = {}) {
  const dovecot = await Dovecot.open(options);
  const world = await ImapWorld.open(dovecot, { user: 'alice' });
  const other: ImapFlow = await world.other();
  return {
    dovecot,
    other,
    world,
    async [Symbol.asyncDispose]() {
      other.close();
      await world[Symbol.asyncDispose]();
      await dovecot[Symbol.asyncDispose]();
    },
  };
}

function emailWith(world: ImapWorld, subject: string): string {
  for (const id of world.account.emailIds()) if (world.account.email(id)?.envelope.subject === subject) return id;
  throw new Error(`no email ${subject}`);
}

/**
 * Dovecot refuses it while another session notices that the folder which it has open got another name. Each try is a round
 * trip; the test's own time-out ends a wait in vain.
 */
async function moveAll(client: ImapFlow, from: string, to: string): Promise<void> {
  do await client.mailboxOpen(from);
  while ((await client.messageMove('1:*', to, {})) === false);
}

// Dovecot is a program of the machine, which skipsWithoutDovecot tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutDovecot('changes of IMAP accounts'))('an IMAP account', () => {
  test('does at the server what a client changes: keywords, moves, copies, drafts, folders, deletions', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    for (const subject of ['flag', 'move', 'copy', 'delete']) await other.append('INBOX', message(subject));
    await world.settled();
    const inbox = world.mailboxNamed('Inbox');
    const [made] = await world.call([
      'Mailbox/set',
      { create: { box: { name: 'Box', parentId: null }, within: { name: 'Within', parentId: '#box' } } },
    ]);
    const box = (made as { created: { within: { id: string } } }).created.within.id;
    const [, drafted] = await world.call(
      [
        'Email/set',
        {
          update: {
            [emailWith(world, 'flag')]: { 'keywords/$flagged': true, 'keywords/own': true },
            [emailWith(world, 'move')]: { mailboxIds: { [box]: true } },
            [emailWith(world, 'copy')]: { mailboxIds: { [box]: true, [inbox]: true } },
          },
          destroy: [emailWith(world, 'delete')],
        },
      ],
      [
        'Email/set',
        {
          create: {
            draft: {
              mailboxIds: { [world.mailboxNamed('Drafts')]: true },
              keywords: { $draft: true },
              subject: 'draft',
              from: [{ email: 'alice@example.org' }],
              textBody: [{ partId: '1', type: 'text/plain' }],
              bodyValues: { '1': { value: 'to be written' } },
            },
          },
        },
      ],
    );
    expect(drafted?.notCreated).toBe(null);
    await world.settled();
    expect(await contentsOf(other)).toEqual({
      Box: [],
      INBOX: ['copy', 'flag \\Flagged own'],
      'Box/Within': ['copy', 'move'],
      Drafts: ['draft \\Draft'],
    });
    // Ids stay what they were, and the draft's bytes are at the server now.
    expect(world.account.email(emailWith(world, 'move'))?.mailboxIds).toEqual([box]);
    expect(new Set(world.account.email(emailWith(world, 'copy'))?.mailboxIds)).toEqual(new Set([box, inbox]));
    await world.call(['Mailbox/set', { update: { [box]: { name: 'Renamed' } } }]);
    await world.settled();
    expect(Object.keys(await contentsOf(other))).toContain('Box/Renamed');
    await world.call(['Mailbox/set', { destroy: [box], onDestroyRemoveEmails: true }]);
    await world.settled();
    expect(Object.keys(await contentsOf(other)).sort()).toEqual(['Box', 'Drafts', 'INBOX']);
  });

  test('has its mailboxes beside the inbox where the server has all folders below it', async () => {
    await using setting = await setup({ prefix: 'INBOX.' });
    const { other, world } = setting;
    await other.append('INBOX', message('moved'));
    await other.mailboxCreate('INBOX.There');
    await world.settled();
    const parentOf = (name: string) => world.account.mailbox(world.mailboxNamed(name))?.parentId;
    expect([parentOf('Inbox'), parentOf('There'), parentOf('Sent')]).toEqual([null, null, null]);
    const [made] = await world.call([
      'Mailbox/set',
      { create: { box: { name: 'Box', parentId: null }, within: { name: 'Within', parentId: '#box' } } },
    ]);
    const { box, within } = (made as { created: Record<'box' | 'within', { id: string }> }).created;
    await world.call(['Email/set', { update: { [emailWith(world, 'moved')]: { mailboxIds: { [within.id]: true } } } }]);
    await world.settled();
    expect(await contentsOf(other)).toMatchObject({ 'INBOX.Box': [], 'INBOX.Box.Within': ['moved'] });
    expect([world.mailboxNamed('Box'), world.mailboxNamed('Within')]).toEqual([box.id, within.id]);
    await world.call(['Mailbox/set', { update: { [box.id]: { name: 'Chest' } } }]);
    await world.settled();
    expect(await contentsOf(other)).toMatchObject({ 'INBOX.Chest': [], 'INBOX.Chest.Within': ['moved'] });
    expect(world.account.mailbox(box.id)).toMatchObject({ name: 'Chest', parentId: null });
    expect(world.account.mailbox(within.id)).toMatchObject({ name: 'Within', parentId: box.id });
  });

  test('shows what another program changes, by IDLE without being asked', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    await world.settled();
    await other.append('INBOX', message('news'));
    await until(() => world.account.counts(world.mailboxNamed('Inbox')).totalEmails === 1);
    const id = emailWith(world, 'news');
    await other.mailboxOpen('INBOX');
    await other.messageFlagsAdd('1:*', ['\\Seen', 'Later'], {});
    await until(() => world.account.email(id)?.keywords.includes('later') === true);
    await other.mailboxCreate('Elsewhere');
    await other.messageMove('1:*', 'Elsewhere', {});
    await until(() => world.account.email(id)?.mailboxIds[0] !== world.mailboxNamed('Inbox'));
    // It has moved: it is the same email.
    expect(world.account.email(id)?.mailboxIds).toEqual([world.mailboxNamed('Elsewhere')]);
    await other.mailboxDelete('Elsewhere');
    await world.settled();
    expect([...world.account.emailIds()]).toEqual([]);
  });

  test('keeps what came while both sides were cut off, and merges what both changed', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    for (const subject of ['both', 'theirs', 'ours']) await other.append('INBOX', message(subject), ['start']);
    await world.settled();
    const id = emailWith(world, 'both');
    await world.kill();
    await world.start();
    world.crashAgent();
    await world.call(['Email/set', { update: { [id]: { 'keywords/here': true, 'keywords/start': null } } }]);
    await world.call(['Email/set', { destroy: [emailWith(world, 'ours')] }]);
    await other.mailboxOpen('INBOX');
    await other.messageFlagsAdd('1:*', ['there'], {});
    await other.messageDelete('2', {});
    await world.settled();
    expect(await contentsOf(other)).toEqual({ INBOX: ['both here there'] });
    expect(world.account.email(id)?.keywords).toEqual(['here', 'there']);
    expect([...world.account.emailIds()]).toEqual([id]);
  });

  test('moves what is left of an email when the message that it was to move has just gone', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    for (const folder of ['A', 'B', 'C']) await other.mailboxCreate(folder);
    await other.append('B', message('both'));
    await world.settled();
    const [a, b, c] = ['A', 'B', 'C'].map((name) => world.mailboxNamed(name)) as [string, string, string];
    const id = emailWith(world, 'both');
    await world.call(['Email/set', { update: { [id]: { [`mailboxIds/${c}`]: true } } }]);
    await world.settled();
    expect(new Set(world.account.email(id)?.mailboxIds)).toEqual(new Set([b, c]));
    // Nobody watches this folder: the change comes before the look that would show it.
    await other.mailboxOpen('B');
    await other.messageDelete('1:*', {});
    await world.call(['Email/set', { update: { [id]: { mailboxIds: { [a]: true } } } }]);
    await world.settled();
    expect(await contentsOf(other)).toEqual({ A: ['both'], B: [], C: [] });
    expect(world.account.email(id)?.mailboxIds).toEqual([a]);
  });

  test('knows its emails again when a folder gets another UIDVALIDITY', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    await other.mailboxCreate('Old');
    for (const subject of ['a', 'b']) await other.append('Old', message(subject));
    await world.settled();
    const before = [...world.account.emailIds()].sort();
    await other.mailboxRename('Old', 'Aside');
    await other.mailboxCreate('Old');
    await moveAll(other, 'Aside', 'Old');
    await other.mailboxDelete('Aside');
    await world.settled();
    expect([...world.account.emailIds()].sort()).toEqual(before);
    expect(await contentsOf(other)).toEqual({ Old: ['a', 'b'] });
  });

  test('knows its emails again when the folder that they moved to is looked at before the one that they left', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    await other.mailboxCreate('Old');
    for (const subject of ['a', 'b']) await other.append('Old', message(subject));
    await world.settled();
    const before = [...world.account.emailIds()].sort();
    await world.call(['Email/set', { update: { [before[0] as string]: { 'keywords/$flagged': true } } }]);
    await world.settled();
    await other.mailboxRename('Old', 'Aside');
    await other.mailboxCreate('Old');
    await world.settled();
    expect([...world.account.emailIds()].sort()).toEqual(before);
    expect(world.account.email(before[0] as string)?.keywords).toEqual(['$flagged']);
    expect(world.account.counts(world.mailboxNamed('Aside')).totalEmails).toBe(2);
    expect(world.account.counts(world.mailboxNamed('Old')).totalEmails).toBe(0);
  });

  test('deletes no mail with a folder that the person has not seen', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    await other.mailboxCreate('Box');
    await other.append('Box', message('seen'));
    await world.settled();
    const box = world.mailboxNamed('Box');
    world.crashAgent();
    await world.call(['Mailbox/set', { destroy: [box], onDestroyRemoveEmails: true }]);
    await other.append('Box', message('unseen'));
    await world.settled();
    expect(await contentsOf(other)).toEqual({ Box: ['unseen'] });
    expect(emailWith(world, 'unseen')).toBeDefined();
  });
});
