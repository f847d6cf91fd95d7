/** An APPEND whose answer never came: the message is at the server once, whenever and in whatever life it turns up. */
import { describe, expect, test } from 'vitest';
import { CuttingProxy } from '../harness/cutting-proxy.ts';
import { Dovecot, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { contentsOf, message, shownIn } from '../harness/imap-mail.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { until } from '../harness/until.ts';

async function setup() {
  const dovecot = await Dovecot.open();
  const proxy = await CuttingProxy.open(dovecot);
  const world = await ImapWorld.open(proxy, { user: 'alice' });
  const other = await world.other();
  await other.mailboxCreate('A');
  await other.append('INBOX', message('there'));
  await world.settled();
  return {
    other,
    proxy,
    world,
    async [Symbol.asyncDispose]() {
      other.close();
      await world[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await dovecot[Symbol.asyncDispose]();
    },
  };
}

type Setting = Awaited<ReturnType<typeof setup>>;

/** A draft that the server has, and whose answer never comes. */
async function draftWithoutAnswer({ proxy, world }: Setting): Promise<string> {
  proxy.cutAnswer();
  const id = await world.draft('A', 'draft');
  await until(() => proxy.isCut);
  return id;
}

/** A draft that the server takes when it is let. */
async function draftHeld({ proxy, world }: Setting): Promise<string> {
  proxy.holdMessage();
  const id = await world.draft('A', 'draft');
  await until(() => proxy.isHolding);
  return id;
}

// Dovecot is a program of the machine, which skipsWithoutDovecot tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutDovecot('lost answers of IMAP servers'))('a message that was put at the server', () => {
  test('is known there again when the answer is lost, although the account lives on', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    const id = await draftWithoutAnswer(setting);
    await world.settled();
    expect(await contentsOf(other)).toEqual({ A: ['draft'], INBOX: ['there'] });
    expect(world.account.email(id)?.mailboxIds).toEqual([world.mailboxNamed('A')]);
    expect(shownIn(world, ['A'])).toEqual({ A: ['draft'] });
  });

  test('is known there again when the answer is lost with the whole user server', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    const id = await draftWithoutAnswer(setting);
    await world.kill();
    await world.start();
    await world.settled();
    expect(await contentsOf(other)).toEqual({ A: ['draft'], INBOX: ['there'] });
    expect(world.account.email(id)?.mailboxIds).toEqual([world.mailboxNamed('A')]);
  });

  test('is known where another program has moved it when the answer is lost', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    const id = await draftWithoutAnswer(setting);
    await world.kill();
    await other.mailboxOpen('A');
    await other.messageMove('1:*', 'INBOX', {});
    await world.start();
    await world.settled();
    expect(await contentsOf(other)).toEqual({ A: [], INBOX: ['draft', 'there'] });
    expect(world.account.email(id)?.mailboxIds).toEqual([world.mailboxNamed('Inbox')]);
  });

  test('is there once when the server comes to it only after it was put there again', async () => {
    await using setting = await setup();
    const { other, proxy, world } = setting;
    const id = await draftHeld(setting);
    await world.kill();
    await world.start();
    await world.settled();
    expect(await contentsOf(other)).toEqual({ A: ['draft'], INBOX: ['there'] });
    await proxy.release();
    await world.settled();
    expect(await contentsOf(other)).toEqual({ A: ['draft'], INBOX: ['there'] });
    expect(shownIn(world, ['A'])).toEqual({ A: ['draft'] });
    expect(world.account.email(id)?.mailboxIds).toEqual([world.mailboxNamed('A')]);
  });

  test('goes there too when it is destroyed here while the server takes it', async () => {
    await using setting = await setup();
    const { other, proxy, world } = setting;
    const id = await draftHeld(setting);
    await world.call(['Email/set', { destroy: [id] }]);
    await proxy.release();
    await world.settled();
    expect(await contentsOf(other)).toEqual({ A: [], INBOX: ['there'] });
    expect(shownIn(world, ['A'])).toEqual({ A: [] });
  });

  test('goes there too when it is destroyed here and the answer is lost', async () => {
    await using setting = await setup();
    const { other, world } = setting;
    const id = await draftWithoutAnswer(setting);
    await world.call(['Email/set', { destroy: [id] }]);
    await world.settled();
    expect(await contentsOf(other)).toEqual({ A: [], INBOX: ['there'] });
    expect(shownIn(world, ['A'])).toEqual({ A: [] });
  });
});
