/** What is asked of servers that say less of what has changed, at each look: not more than it takes, and nothing goes unheard. */
import { describe, expect, test } from 'vitest';
import { FIRST_SCREEN, FLAGS_INTERVAL_MS, FLAGS_WINDOW } from '../../src/hub/agents/imap/limits.ts';
import { FakeFolder, type FakeFolders, servingFolders } from '../harness/folder-imap.ts';
import { HostileImap } from '../harness/hostile-imap.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { SkippingClock } from '../harness/skipping-clock.ts';

/** An inbox, and a folder that nobody watches. */
async function setup({ count = 5, extensions }: { readonly count?: number; readonly extensions: readonly string[] }) {
  const subjects = Array.from({ length: count }, (_, at) => `m${at + 1}`);
  const folder = new FakeFolder(2, subjects);
  const folders: FakeFolders = new Map([
    ['INBOX', new FakeFolder(1)],
    ['Lists', folder],
  ]);
  const serve = servingFolders(folders, extensions);
  const said: string[] = [];
  const server = await HostileImap.open((tag, command, socket) => {
    said.push(command);
    return serve(tag, command, socket);
  }, '* OK ready\r\n');
  const agentClock = new SkippingClock();
  const world = await ImapWorld.open(server, { user: 'alice', agentClock });
  await world.settled();
  return {
    agentClock,
    folder,
    world,
    /** What was said to the server in two looks, but for what is said at each of every folder, and reading texts. */
    async look(): Promise<string[]> {
      said.length = 0;
      await world.settled();
      return said.filter((command) => !/^(?:NOOP|LIST|LSUB|STATUS|SELECT|EXAMINE|IDLE|DONE)|PEEK\[\]/i.test(command));
    },
    get subjects(): string[] {
      const { account } = world;
      return [...account.emailIds()].map((id) => account.email(id)?.envelope.subject ?? '').sort();
    },
    keywordsOf(subject: string): readonly string[] | undefined {
      const { account } = world;
      const id = [...account.emailIds()].find((one) => account.email(one)?.envelope.subject === subject);
      return id === undefined ? undefined : account.email(id)?.keywords;
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const ALL_FLAGS = /^UID FETCH 1:\* [^C]*$/;
const ALL_UIDS = /^UID SEARCH (?!RETURN)/;

describe('a server with CONDSTORE and without QRESYNC', () => {
  test('is asked only for what has changed, and how many messages there are', async () => {
    await using setting = await setup({ extensions: ['CONDSTORE', 'ESEARCH'] });
    const { folder } = setting;
    folder.flag('m2', '\\Flagged');
    folder.add('m6');
    const asked = await setting.look();
    expect(setting.keywordsOf('m2')).toEqual(['$flagged']);
    expect(setting.subjects).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'm6']);
    expect(asked.filter((command) => ALL_FLAGS.test(command) || ALL_UIDS.test(command))).toEqual([]);
    expect(asked.filter((command) => command.includes('CHANGEDSINCE'))).toHaveLength(1);
  });

  test.each([[['CONDSTORE', 'ESEARCH']], [['CONDSTORE']]])('%j shows that a message has gone', async (extensions) => {
    await using setting = await setup({ extensions });
    const { folder } = setting;
    folder.take(new Set([3]));
    // As many as before.
    folder.add('m6');
    const asked = await setting.look();
    expect(setting.subjects).toEqual(['m1', 'm2', 'm4', 'm5', 'm6']);
    expect(asked.filter((command) => ALL_FLAGS.test(command))).toEqual([]);
    // With ESEARCH as runs, which are short.
    expect(asked.some((command) => ALL_UIDS.test(command))).toBe(!extensions.includes('ESEARCH'));
    expect(await setting.look()).toEqual([]);
  });

  test('shows that a message is flagged as deleted, beside one that has gone', async () => {
    await using setting = await setup({ extensions: ['CONDSTORE', 'ESEARCH'] });
    const { folder } = setting;
    folder.flag('m1', '\\Deleted');
    folder.take(new Set([3]));
    await setting.look();
    expect(setting.subjects).toEqual(['m2', 'm4', 'm5']);
    folder.take(new Set([4]));
    folder.add('m6', ['\\Deleted']);
    await setting.look();
    expect(setting.subjects).toEqual(['m2', 'm5']);
  });
});

describe('a server with QRESYNC that has forgotten what went', () => {
  test('leaves no message here that is not there', async () => {
    await using setting = await setup({ extensions: ['CONDSTORE', 'QRESYNC', 'ESEARCH'] });
    const { folder } = setting;
    folder.take(new Set([1, 4]));
    folder.add('m6');
    folder.add('m7');
    await setting.look();
    expect(setting.subjects).toEqual(['m2', 'm3', 'm5', 'm6', 'm7']);
  });
});

describe('a server without mod-sequences', () => {
  test('is asked for nothing of a folder of which nothing is new', async () => {
    await using setting = await setup({ extensions: ['ESEARCH'] });
    expect(await setting.look()).toEqual([]);
  });

  test('is asked for what came and for the flags of the newest, however many others there are', async () => {
    const count = FLAGS_WINDOW + FIRST_SCREEN;
    await using setting = await setup({ count, extensions: ['ESEARCH'] });
    const { folder } = setting;
    folder.flag(`m${count}`, '\\Seen');
    folder.add('new');
    const asked = await setting.look();
    expect(setting.keywordsOf(`m${count}`)).toEqual(['$seen']);
    expect(setting.keywordsOf('new')).toEqual([]);
    expect(asked.filter((command) => ALL_FLAGS.test(command) || /SEARCH/.test(command))).toEqual([]);
    expect(asked.filter((command) => command.startsWith('FETCH'))).toEqual([`FETCH ${FIRST_SCREEN + 1}:* (UID FLAGS)`]);
  });

  test('shows the flags of old messages, which change nothing that it counts, in time', async () => {
    const count = FLAGS_WINDOW + FIRST_SCREEN;
    await using setting = await setup({ count, extensions: ['ESEARCH'] });
    const { agentClock, folder } = setting;
    folder.flag('m1', '\\Flagged');
    expect(await setting.look()).toEqual([]);
    agentClock.skip(FLAGS_INTERVAL_MS);
    await setting.look();
    expect(setting.keywordsOf('m1')).toEqual(['$flagged']);
  });

  test('shows that a message has gone where another came', async () => {
    await using setting = await setup({ extensions: [''] });
    const { folder } = setting;
    folder.take(new Set([2]));
    folder.add('m6');
    await setting.look();
    expect(setting.subjects).toEqual(['m1', 'm3', 'm4', 'm5', 'm6']);
  });
});
