/** Messages that the server cannot read itself: all others are there. And sizes that it guesses, where somebody downloads. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { SILENT_LOG } from '../../src/base/index.ts';
import { mountJmap, type Permission } from '../../src/jmap/index.ts';
import { FakeFolder, servingFolders } from '../harness/folder-imap.ts';
import { HostileImap, type Script } from '../harness/hostile-imap.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { until } from '../harness/until.ts';

/** An inbox behind a script that comes first. */
async function setup(subjects: readonly string[], script: Script) {
  const inbox = new FakeFolder(1, subjects);
  const serve = servingFolders(new Map([['INBOX', inbox]]));
  const server = await HostileImap.open((...said) => script(...said) ?? serve(...said));
  const world = await ImapWorld.open(server, { user: 'alice' });
  const { account } = world;
  return {
    inbox,
    world,
    get status() {
      return world.accounts.status[0]?.server;
    },
    get subjects(): string[] {
      return [...account.emailIds()].map((id) => account.email(id)?.envelope.subject ?? '').sort();
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Whether a FETCH by UIDs of a section asks for that message. */
function asksFor(command: string, uid: number): boolean {
  const set = /^UID FETCH (\S+) .*PEEK/.exec(command)?.[1] ?? '';
  return set.split(',').some((run) => {
    const [from = '', to = from] = run.split(':');
    return Number(from) <= uid && uid <= Number(to);
  });
}

describe('a message that the server cannot read', () => {
  test('leaves all others of its folder, however many they are asked for with', async () => {
    const subjects = Array.from({ length: 300 }, (_, at) => `m${at + 1}`);
    await using setting = await setup(subjects, (tag, command) =>
      asksFor(command, 77) ? `${tag} BAD Command Error. 12\r\n` : undefined,
    );
    const { inbox, world } = setting;
    await world.settled();
    expect(setting.subjects).toEqual(subjects.filter((subject) => subject !== 'm77').sort());
    expect(setting.status?.problem).toMatch(/^INBOX: messages left out: 1: .*Command Error. 12/);
    // The folder is looked at like others: what goes goes.
    inbox.take(new Set([5]));
    inbox.add('new');
    await world.settled();
    expect(setting.subjects).not.toContain('m5');
    expect(setting.subjects).toContain('new');
  });

  test('leaves the texts of all that were asked for with it', async () => {
    await using setting = await setup(['m1', 'm2', 'm3'], (tag, command) =>
      asksFor(command, 2) && command.includes('PEEK[]') ? `${tag} BAD Command Error. 12\r\n` : undefined,
    );
    const { inbox, world } = setting;
    inbox.add('words', [], 'Subject: words\r\n\r\nwords of it');
    await world.settled();
    await until(() => world.isTextRead);
    const previews = [...world.account.emailIds()].map((id) => world.account.email(id)?.preview);
    expect(previews.sort()).toEqual(['', '', '', 'words of it']);
  });
});

describe('a message of which the server guesses the size, before its text was read', () => {
  test.each([-9_000, -1, 1, 9_000])('by %i, is downloaded whole', async (off) => {
    let isRefusing = true;
    await using setting = await setup([], (tag, command) =>
      isRefusing && command.includes('PEEK[]') ? `${tag} NO not now\r\n` : undefined,
    );
    const { inbox, world } = setting;
    const octets = 'Subject: guessed\r\n\r\n'.padEnd(20_000, 'ten octets');
    inbox.add('guessed', [], octets, octets.length + off);
    await world.settled();
    await until(() => world.isTextRead);
    isRefusing = false;
    await using server = await serve(world);
    const [emailId = ''] = world.account.emailIds();
    const path = `/download/${world.accountId}/${world.account.email(emailId)?.blobId}/mail.eml`;
    const whole = await fetch(`${server.base}${path}`);
    expect(await whole.text()).toBe(octets);
    const end = await fetch(`${server.base}${path}`, { headers: { range: 'bytes=-10' } });
    expect(await end.text()).toBe(octets.slice(-10));
    expect(end.headers.get('content-range')).toBe(`bytes 19990-19999/20000`);
  });
});

async function serve(world: ImapWorld) {
  const fastify = Fastify();
  const permissions = new Set<Permission>(['read']);
  const caller = { username: 'alice', credential: 'test', permissions, baseUrl: '/jmap' };
  await mountJmap(fastify, { jmap: world.jmap, log: SILENT_LOG, callerOf: () => caller }, '/jmap');
  await fastify.listen({ host: '127.0.0.1', port: 0 });
  const { port } = fastify.server.address() as AddressInfo;
  return { base: `http://127.0.0.1:${port}/jmap`, [Symbol.asyncDispose]: () => fastify.close() };
}
