/** What was changed here and is to reach an IMAP server that refuses a part of it, or shows more than was known. */
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/hub/hub-error.ts';
import { openScriptedImap as setup } from '../harness/scripted-imap.ts';
import { until } from '../harness/until.ts';

describe('a folder that is destroyed here after mail was moved out of it', () => {
  test.each([
    ['for good: it stays, with that mail', Number.POSITIVE_INFINITY],
    ['at first: it goes when that is done', 2],
  ])('which the server refuses %s', async (_what, refusals) => {
    let refused = 0;
    await using setting = await setup({ INBOX: [], Box: ['mine'] }, (tag, command) =>
      /^UID (?:MOVE|COPY)/i.test(command) && ++refused <= refusals ? `${tag} NO [OVERQUOTA] full\r\n` : undefined,
    );
    const { clock, folders, world } = setting;
    await world.settled();
    const update = { [setting.emailNamed('mine') as string]: { mailboxIds: { [world.mailboxNamed('Inbox')]: true } } };
    const destroy = { destroy: [world.mailboxNamed('Box')], onDestroyRemoveEmails: true };
    await world.call(['Email/set', { update }], ['Mailbox/set', destroy]);
    for (let looks = 0; world.account.pending(1).length > 0; looks++) {
      expect(looks).toBeLessThan(10);
      clock.skip(3_600_000);
      await setting.look();
    }
    await setting.look();
    const isKept = refusals > 2;
    expect(setting.emailNamed('mine')).toBeDefined();
    expect([...folders.keys()].sort()).toEqual(isKept ? ['Box', 'INBOX'] : ['INBOX']);
    expect(folders.get(isKept ? 'Box' : 'INBOX')?.messages.map(({ subject }) => subject)).toEqual(['mine']);
    expect(world.emailCount).toBe(1);
  });
});

describe('a message that was made here', () => {
  test('gets to where it was moved, though the mailbox that it was made in was never at the server', async () => {
    await using setting = await setup({ INBOX: [], Kept: [] });
    const { folders, world } = setting;
    await world.settled();
    world.crashAgent();
    const [made] = await world.call(['Mailbox/set', { create: { made: { name: 'Made', parentId: null } } }]);
    const { id } = (made as { created: { made: { id: string } } }).created.made;
    const draft = await world.draft('Made', 'written');
    const update = { [draft]: { mailboxIds: { [world.mailboxNamed('Kept')]: true } } };
    await world.call(['Email/set', { update }], ['Mailbox/set', { destroy: [id] }]);
    await world.settled();
    expect(folders.get('Kept')?.messages.map(({ subject }) => subject)).toEqual(['written']);
    expect([...folders.keys()].sort()).toEqual(['INBOX', 'Kept']);
    expect(world.account.email(draft)?.mailboxIds).toEqual([world.mailboxNamed('Kept')]);
    expect(world.emailCount).toBe(1);
  });
});

describe('a message of which the disk cannot read the octets', () => {
  test('keeps nothing else from the server, and gets there when they can be read again', async () => {
    await using setting = await setup({ INBOX: ['here'], Drafts: [] });
    const { clock, folders, world } = setting;
    await world.settled();
    const { blobs } = world;
    const read = blobs.read.bind(blobs);
    let isDamaged = true;
    blobs.read = (...args) => {
      if (isDamaged) throw new HubError('damaged', 'the disk cannot read it');
      return read(...args);
    };
    await world.draft('Drafts', 'written');
    const update = { [setting.emailNamed('here') as string]: { 'keywords/$seen': true } };
    await world.call(['Email/set', { update }]);
    await until(() => folders.get('INBOX')?.messages[0]?.flags.has('\\Seen') === true);
    expect(folders.get('Drafts')?.messages).toEqual([]);
    isDamaged = false;
    clock.skip(3_600_000);
    await setting.look();
    await world.settled();
    expect(folders.get('Drafts')?.messages.map(({ subject }) => subject)).toEqual(['written']);
  });
});

describe('a folder that is destroyed here while it is looked at', () => {
  test('keeps the mail that came to it and that nobody has seen', async () => {
    let onOpen: (() => void) | undefined;
    await using setting = await setup({ INBOX: [], Box: [] }, (_tag, command) => {
      if (/^(?:SELECT|EXAMINE) "?Box/.test(command)) onOpen?.();
      return undefined;
    });
    const { folders, said, world } = setting;
    await world.settled();
    const box = world.mailboxNamed('Box');
    world.crashAgent();
    folders.get('Box')?.add('unseen');
    onOpen = () => {
      onOpen = undefined;
      world.account.removeMailbox(box, 'client');
    };
    await world.settled();
    expect(said.filter((command) => /^DELETE/i.test(command))).toEqual([]);
    expect(folders.get('Box')?.messages).toHaveLength(1);
    await setting.look();
    expect(setting.emailNamed('unseen')).toBeDefined();
  });
});
