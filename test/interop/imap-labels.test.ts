/** A server whose folders are labels, as Gmail's: a message that shows in several is one email, and its flags are one. */
import { describe, expect, test } from 'vitest';
import { ALL_MAIL, FakeFolder, servingFolders } from '../harness/folder-imap.ts';
import { HostileImap } from '../harness/hostile-imap.ts';
import { ImapWorld } from '../harness/imap-world.ts';

async function setup(labels: Readonly<Record<string, readonly string[]>>) {
  const folders = new Map(
    Object.entries(labels).map(([path, subjects], at) => [path, new FakeFolder(at + 1, subjects)]),
  );
  const serve = servingFolders(folders, ['CONDSTORE', 'ESEARCH', 'SPECIAL-USE', 'X-GM-EXT-1']);
  /** What was done to the folder that was open. */
  const done: string[] = [];
  let opened = '';
  const server = await HostileImap.open((tag, command, socket) => {
    opened = /^SELECT "?([^"]+)/.exec(command)?.[1] ?? opened;
    if (/^UID (?:STORE|EXPUNGE|COPY|MOVE)/.test(command)) done.push(`${opened}: ${command}`);
    return serve(tag, command, socket);
  }, '* OK ready\r\n');
  const world = await ImapWorld.open(server, { user: 'alice' });
  await world.settled();
  const folderOf = (path: string): FakeFolder => folders.get(path) as FakeFolder;
  return {
    done,
    folderOf,
    world,
    /** By subject, the names of the mailboxes that each email is in. */
    get shown(): [subject: string, mailboxes: string[]][] {
      const { account } = world;
      const names = new Map(account.mailboxes().map(({ id, name }) => [id, name]));
      const emails = [...account.emailIds()].flatMap((id) => account.email(id) ?? []);
      const shown = emails.map(({ envelope, mailboxIds }): [string, string[]] => [
        envelope.subject ?? '',
        mailboxIds.map((id) => names.get(id) ?? '').sort(),
      ]);
      return shown.sort(([a], [b]) => (a < b ? -1 : 1));
    },
    idOf(subject: string): string {
      const { account } = world;
      return [...account.emailIds()].find((id) => account.email(id)?.envelope.subject === subject) ?? '';
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('a message with several labels', () => {
  test('is one email in as many mailboxes, and gets and loses them', async () => {
    await using setting = await setup({ INBOX: ['a'], [ALL_MAIL]: ['a', 'b'], Lists: ['b'] });
    const { folderOf, world } = setting;
    expect(setting.shown).toEqual([
      ['a', [ALL_MAIL, 'Inbox']],
      ['b', [ALL_MAIL, 'Lists']],
    ]);
    const id = setting.idOf('a');
    // Archived by another program, with a label.
    folderOf('INBOX').take(new Set([1]));
    folderOf('Lists').add('a');
    await world.settled();
    expect(setting.shown[0]).toEqual(['a', [ALL_MAIL, 'Lists']]);
    expect(setting.idOf('a')).toBe(id);
    expect(setting.done).toEqual([]);
  });

  test('is moved between labels, and never taken out of all mail, which some servers take for its end', async () => {
    await using setting = await setup({ INBOX: ['a'], [ALL_MAIL]: ['a'], Lists: [] });
    const { done, folderOf, world } = setting;
    const update = { [setting.idOf('a')]: { mailboxIds: { [world.mailboxNamed('Lists')]: true } } };
    await world.call(['Email/set', { update }]);
    await world.settled();
    expect(folderOf('Lists').messages.map(({ subject }) => subject)).toEqual(['a']);
    expect(done).toEqual(['INBOX: UID MOVE 1 Lists']);
    expect(setting.shown).toEqual([['a', [ALL_MAIL, 'Lists']]]);
  });

  test('loses one of them here, and what is said and done of it afterwards still arrives', async () => {
    await using setting = await setup({ INBOX: ['a'], [ALL_MAIL]: ['a'], Lists: ['a'] });
    const { folderOf, world } = setting;
    const [id, lists] = [setting.idOf('a'), world.mailboxNamed('Lists')];
    await world.call(['Mailbox/set', { destroy: [lists], onDestroyRemoveEmails: true }]);
    await world.settled();
    folderOf('INBOX').flag('a', '\\Seen');
    await world.settled();
    expect(setting.shown).toEqual([['a', [ALL_MAIL, 'Inbox']]]);
    expect(world.account.email(id)?.keywords).toEqual(['$seen']);
    await world.call(['Email/set', { update: { [id]: { 'keywords/$flagged': true } } }]);
    await world.settled();
    expect([...(folderOf(ALL_MAIL).messages[0]?.flags ?? [])]).toContain('\\Flagged');
    expect(world.account.pending(10)).toEqual([]);
  });

  test('loses one of them while the server is away, and comes through what it is told then', async () => {
    await using setting = await setup({ INBOX: ['a'], [ALL_MAIL]: ['a'], Lists: ['a'] });
    const { folderOf, world } = setting;
    const [id, lists] = [setting.idOf('a'), world.mailboxNamed('Lists')];
    world.crashAgent();
    await world.call(['Mailbox/set', { destroy: [lists], onDestroyRemoveEmails: true }]);
    folderOf('INBOX').flag('a', '\\Seen');
    await world.kill();
    await world.start();
    await world.settled();
    expect(setting.shown).toEqual([['a', [ALL_MAIL, 'Inbox']]]);
    expect(world.account.email(id)?.keywords).toEqual(['$seen']);
    expect(world.account.pending(10)).toEqual([]);
  });

  test('made here, is the same email where the server shows it too', async () => {
    await using setting = await setup({ INBOX: [], [ALL_MAIL]: [], Drafts: [] });
    const { folderOf, world } = setting;
    const id = await world.draft('Drafts', 'written');
    await world.settled();
    const [made] = folderOf('Drafts').messages;
    folderOf(ALL_MAIL).add('written', made?.flags, made?.octets);
    await world.settled();
    expect(setting.shown).toEqual([['written', [ALL_MAIL, 'Drafts']]]);
    expect(setting.idOf('written')).toBe(id);
  });
});
