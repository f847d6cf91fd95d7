/** Servers that mean no harm and refuse something: what they do not refuse goes on, and nothing is lost. */
import { describe, expect, test } from 'vitest';
import { PENDING_WINDOW } from '../../src/hub/agents/imap/limits.ts';
import { FakeFolder } from '../harness/folder-imap.ts';
import type { Script } from '../harness/hostile-imap.ts';
import { openScriptedImap as setup } from '../harness/scripted-imap.ts';
import { until } from '../harness/until.ts';

describe('a folder that the server lists and refuses', () => {
  test.each([
    ['to open', (command: string) => /^(?:SELECT|EXAMINE) "?Locked/.test(command)],
    ['to search', (command: string, opened: string) => opened === 'Locked' && /SEARCH/.test(command)],
    ['to read', (command: string, opened: string) => opened === 'Locked' && /FETCH/.test(command)],
  ])('%s holds up neither the other folders nor what was changed here', async (_what, isRefused) => {
    let opened = '';
    await using setting = await setup({ INBOX: ['here'], Locked: ['there'], Then: ['after'] }, (tag, command) => {
      opened = /^SELECT "?(\w+)/.exec(command)?.[1] ?? opened;
      return isRefused(command, opened) ? `${tag} NO not for you\r\n` : undefined;
    });
    const { folders, world } = setting;
    await until(() => setting.emailNamed('after') !== undefined && setting.status?.currentAt !== undefined);
    expect(setting.status).toMatchObject({ connection: 'connected', problem: expect.stringMatching(/^Locked: /) });
    const id = setting.emailNamed('here') as string;
    await world.call(['Email/set', { update: { [id]: { 'keywords/$seen': true } } }]);
    await until(() => folders.get('INBOX')?.messages[0]?.flags.has('\\Seen') === true);
  });
});

describe('a folder that the server does not open while texts are read', () => {
  test('has its texts after the next look', async () => {
    let opened = '';
    let closed: string | undefined;
    let refusals = 0;
    await using setting = await setup({ INBOX: ['a'], Box: ['b'] }, (tag, command) => {
      const path = /^(?:SELECT|EXAMINE) "?(\w+)/.exec(command)?.[1];
      // All headers were read when the first text is asked for: the other folder is closed from then on.
      if (closed === undefined && command.includes('PEEK[]')) closed = opened === 'Box' ? 'INBOX' : 'Box';
      if (path !== undefined && path === closed) {
        refusals += 1;
        return `${tag} NO [SERVERBUG] sorry\r\n`;
      }
      opened = path ?? opened;
      return undefined;
    });
    const { world } = setting;
    await until(() => refusals > 0);
    await setting.look();
    await setting.look();
    closed = '';
    await setting.look();
    await until(() => world.isTextRead);
    const places = [...world.account.emailIds()].map((id) => world.account.email(id)?.place);
    // '!' says that a text was refused, for good.
    expect(places).toEqual([expect.stringMatching(/^f/), expect.stringMatching(/^f/)]);
  });
});

describe('a folder with other UIDs than before, which the server refuses to read for a while', () => {
  test('has its emails, under the ids that they had, when it is read again', async () => {
    let isRefusing = false;
    let opened = '';
    await using setting = await setup({ INBOX: ['here'], Locked: ['there'] }, (tag, command) => {
      opened = /^SELECT "?(\w+)/.exec(command)?.[1] ?? opened;
      return isRefusing && opened === 'Locked' && /FETCH/.test(command) ? `${tag} NO [SERVERBUG] sorry\r\n` : undefined;
    });
    const { folders, world } = setting;
    await until(() => setting.emailNamed('there') !== undefined && setting.status?.currentAt !== undefined);
    const id = setting.emailNamed('there');
    isRefusing = true;
    folders.set('Locked', new FakeFolder(88, ['other', 'there']));
    await world.settled();
    expect(setting.status?.problem).toMatch(/sorry/);
    isRefusing = false;
    await world.settled();
    expect(setting.status?.problem).toBeUndefined();
    expect(setting.emailNamed('there')).toBe(id);
  });
});

describe('a message whose size the server only guesses', () => {
  const sizes = [20_000, 1024 * 1024, 2_500_000];
  test.each(sizes.flatMap((size) => [-9_000, -1, 1, 9_000].map((off) => [size, off] as const)))(
    'of %i octets, by %i, has the size that it has, and is read to its end',
    async (size, off) => {
      await using setting = await setup({ INBOX: [] });
      const { folders, world } = setting;
      const header = 'Subject: guessed\r\n\r\n';
      const octets = header.padEnd(size, 'ten octets');
      folders.get('INBOX')?.add('guessed', [], octets, size + off);
      await world.settled();
      expect((await world.rawAt(1)).toString('latin1')).toBe(octets);
      await until(() => world.isTextRead);
      const id = setting.emailNamed('guessed') as string;
      expect(world.account.email(id)?.size).toBe(size);
      expect((await world.rawAt(1)).toString('latin1')).toBe(octets);
    },
  );
});

describe('a message that the server has lost', () => {
  test('is shown as empty, and the others as they are', async () => {
    await using setting = await setup({ INBOX: ['here'] });
    const { folders, world } = setting;
    await world.settled();
    const inbox = folders.get('INBOX');
    inbox?.messages.push({
      uid: inbox.uidNext++,
      modseq: 1,
      flags: new Set(),
      subject: '',
      octets: undefined,
      size: 0,
    });
    inbox?.add('after', [], 'Subject: after\r\n\r\nwords of it');
    await world.settled();
    await until(() => world.isTextRead);
    expect(world.emailCount).toBe(3);
    expect(world.account.email(setting.emailNamed('after') as string)?.preview).toBe('words of it');
  });
});

describe('an inbox that cannot be watched', () => {
  test('since the server refuses IDLE is not asked for it again at once', async () => {
    await using setting = await setup({ INBOX: ['here'] }, (tag, command) =>
      /^IDLE/i.test(command) ? `${tag} NO too many watch already\r\n` : undefined,
    );
    const { said, world } = setting;
    await until(() => said.some((command) => /^IDLE/i.test(command)));
    for (let looks = 0; looks < 3; looks++) await world.settled();
    expect(said.filter((command) => /^IDLE/i.test(command)).length).toBeLessThanOrEqual(3);
  });
});

describe('news that never ends', () => {
  test('does not hold up what was changed here', async () => {
    let watcher: Parameters<Script>[2] | undefined;
    let count = 1;
    await using setting = await setup({ INBOX: ['here'] }, (_tag, command, socket) => {
      if (/^IDLE/i.test(command)) watcher = socket;
      // Something new in each look, before it ends.
      if (/^(?:NOOP|SEARCH|UID)/i.test(command)) watcher?.write(`* ${++count} EXISTS\r\n`);
      return undefined;
    });
    const { folders, world } = setting;
    await until(() => watcher !== undefined && count > 20);
    const id = setting.emailNamed('here') as string;
    await world.call(['Email/set', { update: { [id]: { 'keywords/$seen': true } } }]);
    await until(() => folders.get('INBOX')?.messages[0]?.flags.has('\\Seen') === true);
  });
});

describe('messages that go while folders are looked at', () => {
  test('do not hold up what was changed here', async () => {
    const subjects = Array.from({ length: 300 }, (_, at) => `m${at}`);
    let isGoing = false;
    await using setting = await setup({ INBOX: subjects }, (_tag, command) => {
      // In each look another one, which is nowhere then.
      if (isGoing && /^NOOP/i.test(command)) {
        const inbox = setting.folders.get('INBOX');
        inbox?.take(new Set([inbox.messages.at(-1)?.uid ?? 0]));
      }
      return undefined;
    });
    const { folders, world } = setting;
    await until(() => world.emailCount === 300 && setting.status?.currentAt !== undefined);
    const before = setting.status?.currentAt ?? 0;
    isGoing = true;
    world.accounts.look(world.accountId);
    await until(() => (folders.get('INBOX')?.messages.length ?? 0) < 290);
    const id = setting.emailNamed('m0') as string;
    await world.call(['Email/set', { update: { [id]: { 'keywords/$seen': true } } }]);
    const isSeen = (): boolean => folders.get('INBOX')?.messages[0]?.flags.has('\\Seen') === true;
    await until(() => isSeen() || folders.get('INBOX')?.messages.length === 1);
    expect(isSeen()).toBe(true);
    expect(setting.status?.currentAt).toBeGreaterThan(before);
  });
});

describe('a mailbox that is destroyed here', () => {
  test('stays at the server when it is another folder there by now', async () => {
    await using setting = await setup({ INBOX: ['here'], A: ['old', 'older'] });
    const { folders, said, world } = setting;
    await until(() => setting.status?.currentAt !== undefined);
    folders.set('A', new FakeFolder(77, ['new']));
    await world.call(['Mailbox/set', { destroy: [world.mailboxNamed('A')], onDestroyRemoveEmails: true }]);
    await world.settled();
    expect(said.filter((command) => /^DELETE/i.test(command))).toEqual([]);
    expect(folders.get('A')?.messages.map(({ subject }) => subject)).toEqual(['new']);
    await until(() => setting.emailNamed('new') !== undefined);
    expect(setting.emailNamed('old')).toBeUndefined();
  });
});

describe('a mailbox that the server does not make at once', () => {
  test('gets what was moved into it when it is there', async () => {
    let refusals = 0;
    await using setting = await setup({ INBOX: ['here'] }, (tag, command) =>
      /^CREATE/i.test(command) && ++refusals === 1 ? `${tag} NO [INUSE] not now\r\n` : undefined,
    );
    const { folders, world } = setting;
    await until(() => setting.status?.currentAt !== undefined);
    const id = setting.emailNamed('here') as string;
    await world.call(
      ['Mailbox/set', { create: { made: { name: 'Made', parentId: null } } }],
      ['Email/set', { update: { [id]: { mailboxIds: { '#made': true } } } }],
    );
    await until(() => refusals === 1);
    world.accounts.look(world.accountId);
    await until(() => refusals === 2);
    await world.settled();
    expect(folders.get('INBOX')?.messages).toEqual([]);
    expect(folders.get('Made')?.messages.map(({ subject }) => subject)).toEqual(['here']);
    expect(setting.emailNamed('here')).toBe(id);
    expect(world.account.email(id)?.mailboxIds).toEqual([world.mailboxNamed('Made')]);
  });
});

describe('a mailbox that the server never makes', () => {
  test('holds up nothing but what was moved into it, however much that is', async () => {
    const subjects = Array.from({ length: PENDING_WINDOW + 1 }, (_, at) => `m${at}`);
    await using setting = await setup({ INBOX: [...subjects, 'here'] }, (tag, command) =>
      /^CREATE/i.test(command) ? `${tag} NO not such a name\r\n` : undefined,
    );
    const { folders, world } = setting;
    await until(() => world.emailCount === subjects.length + 1 && setting.status?.currentAt !== undefined);
    const [made] = await world.call(['Mailbox/set', { create: { made: { name: 'Made', parentId: null } } }]);
    const { id } = (made as { created: { made: { id: string } } }).created.made;
    const here = setting.emailNamed('here') as string;
    const others = [...world.account.emailIds()].filter((one) => one !== here);
    for (let at = 0; at < others.length; at += 500) {
      const moved = others.slice(at, at + 500).map((one) => [one, { mailboxIds: { [id]: true } }]);
      await world.call(['Email/set', { update: Object.fromEntries(moved) }]);
    }
    await world.call(['Email/set', { update: { [here]: { 'keywords/$seen': true } } }]);
    const there = () => folders.get('INBOX')?.messages.find(({ subject }) => subject === 'here');
    await until(() => there()?.flags.has('\\Seen') === true);
    expect(folders.get('INBOX')?.messages).toHaveLength(subjects.length + 1);
  });
});

describe('a folder whose flags nobody may change', () => {
  test('takes none of them from a draft that is put into another', async () => {
    await using setting = await setup({ INBOX: ['here'], Shared: ['theirs'] });
    const { folders, world } = setting;
    const shared = folders.get('Shared') as FakeFolder;
    shared.permanentFlags = '';
    await world.settled();
    const email = {
      mailboxIds: { [world.mailboxNamed('Inbox')]: true },
      keywords: { $draft: true, $seen: true, own: true },
      subject: 'draft',
    };
    await world.call(['Email/set', { create: { email } }]);
    await world.settled();
    const made = folders.get('INBOX')?.messages.find(({ subject }) => subject === 'draft');
    expect([...(made?.flags ?? [])].sort()).toEqual(['\\Draft', '\\Seen', 'own']);
  });
});

describe('a draft for which the server has no room', () => {
  test('is put there when there is some, and is not sent again and again until then', async () => {
    let room = 0;
    let tries = 0;
    await using setting = await setup({ INBOX: ['here'] }, (tag, command) => {
      if (!/^APPEND/i.test(command) || ++tries <= room) return undefined;
      return `${tag} NO [OVERQUOTA] no room\r\n`;
    });
    const { clock, folders, world } = setting;
    await world.settled();
    await world.draft('Inbox', 'draft');
    await until(() => tries === 1);
    for (let looks = 0; looks < 20; looks++) await setting.look();
    expect(tries).toBeLessThanOrEqual(4);
    room = Number.POSITIVE_INFINITY;
    clock.skip(3_600_000);
    await world.settled();
    expect(folders.get('INBOX')?.messages.map(({ subject }) => subject)).toEqual(['here', 'draft']);
  });
});

describe('a draft at which the server hangs up', () => {
  test('holds up nothing else, and is put there when the server has thought better of it', async () => {
    let tries = 0;
    let isHangingUp = true;
    await using setting = await setup({ INBOX: ['here'] }, (_tag, command, socket) => {
      if (!isHangingUp || !/^APPEND/i.test(command)) return undefined;
      tries++;
      socket.destroy();
      return '';
    });
    const { clock, folders, world } = setting;
    await world.settled();
    const id = setting.emailNamed('here') as string;
    await world.draft('Inbox', 'draft');
    await world.call(['Email/set', { update: { [id]: { 'keywords/$seen': true } } }]);
    await until(() => folders.get('INBOX')?.messages[0]?.flags.has('\\Seen') === true);
    const before = tries;
    for (let looks = 0; looks < 5; looks++) await setting.look();
    expect(tries).toBe(before);
    isHangingUp = false;
    clock.skip(3_600_000);
    await world.settled();
    expect(folders.get('INBOX')?.messages.map(({ subject }) => subject)).toEqual(['here', 'draft']);
  });
});

describe('an account that is added twice at once', () => {
  test('has one agent', async () => {
    await using setting = await setup({ INBOX: ['here'] });
    const { said, server, world } = setting;
    await world.accounts.remove(world.accountId);
    await until(() => server.connectionCount === 0);
    const where = { host: '127.0.0.1', port: server.imapPort, security: 'none', auth: 'password' };
    const settings = { address: 'alice@example.org', imap: { ...where, user: 'alice', secret: 'secret' } };
    // A disk that takes its time: until both have tried the server.
    const logins = (): number => said.filter((command) => /^LOGIN/i.test(command)).length;
    const [before, { journal }] = [logins(), world];
    const flush = journal.flush.bind(journal);
    journal.flush = async () => {
      await until(() => logins() >= before + 2 && server.connectionCount === 0);
      journal.flush = flush;
      await flush();
    };
    await Promise.all([world.accounts.add(settings), world.accounts.add(settings)]);
    await until(() => setting.status?.currentAt !== undefined);
    await world.settled();
    // To work with, and to watch the inbox.
    expect(server.connectionCount).toBeLessThanOrEqual(2);
  });
});
