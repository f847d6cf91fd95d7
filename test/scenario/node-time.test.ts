import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { BodyState, type Entry, From, type MailboxHead, ReceiptStatus } from '../../src/protocol/index.ts';
import { NOON, NodeWorld } from '../harness/node-world.ts';
import { type Person, writePdu } from '../harness/person.ts';
import type { WireClient } from '../harness/wire-client.ts';

const DAY = 86_400_000;

async function mail(world: NodeWorld, client: WireClient, person: Person, text: string): Promise<void> {
  const receipt = await client.submit(writePdu(world.random, person, [person.address], utf8(text)), utf8(text));
  expect(receipt.status).toBe(ReceiptStatus.OK);
}

async function everything(
  client: WireClient,
  from = From.BEGINNING,
  time = 0,
): Promise<{ entries: Entry[]; heads: MailboxHead[] }> {
  client.entries.clear();
  const answer = await client.ask((request) => ({
    oneofKind: 'clientInfo',
    clientInfo: { version: 1, from, time, ledger: [], client: 'test', request, headersOnly: false, newestFirst: false },
  }));
  if (answer.oneofKind !== 'complete') throw new Error(JSON.stringify(answer));
  return { entries: [...client.entries.values()].flat(), heads: answer.complete.heads };
}

const textOf = (entry: Entry): string => Buffer.from(entry.body).toString();

describe('a position is never a time', () => {
  test('mail received while the clock stands still, jumps back three days and ahead a year comes once, in order', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const sender = await world.signIn(bob);
    await mail(world, sender, bob, 'first');
    await mail(world, sender, bob, 'in the same microsecond');
    world.clock.jumpTo(NOON - 3 * DAY);
    await mail(world, sender, bob, 'three days before');
    world.clock.jumpTo(NOON + 365 * DAY);
    await mail(world, sender, bob, 'a year later');
    world.clock.jumpTo(NOON);
    await mail(world, sender, bob, 'now again');
    const { entries } = await everything(await world.signIn(bob));
    expect(entries.map(textOf)).toEqual([
      'first',
      'in the same microsecond',
      'three days before',
      'a year later',
      'now again',
    ]);
    expect(await world.core.operator.verify()).toMatchObject({ ok: true, problems: [] });
  });

  test('a start by time is exact to the hour and never late, also over a clock that jumped', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const sender = await world.signIn(bob);
    for (let day = 0; day < 5; day++) {
      world.clock.jumpTo(NOON + day * DAY);
      await mail(world, sender, bob, `day ${day}`);
    }
    world.clock.jumpTo(NOON - DAY);
    await mail(world, sender, bob, 'stamped before all others');
    const since = async (time: number): Promise<string[]> =>
      (await everything(await world.signIn(bob), From.TIME, time * 1000)).entries.map(textOf);
    expect(await since(NOON + 3 * DAY)).toEqual(['day 3', 'day 4', 'stamped before all others']);
    expect(await since(NOON + 30 * DAY)).toEqual([]);
  });
});

describe('retention chosen by the receiver', () => {
  test('what expired is told, erased from the disk, and stands for nothing else', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob', { retentionDays: 30 });
    const sender = await world.signIn(bob);
    await mail(world, sender, bob, 'old');
    await mail(world, sender, bob, 'old too');
    world.clock.jumpTo(NOON + 40 * DAY);
    await mail(world, sender, bob, 'new');
    await world.core.retention.sweep(new AbortController().signal);
    const { entries, heads } = await everything(await world.signIn(bob));
    expect(entries.map((entry) => entry.bodyState)).toEqual([BodyState.ERASED, BodyState.ERASED, BodyState.INLINE]);
    expect(heads[0]).toMatchObject({ number: 3, expiredTo: 2 });
    expect(await world.core.operator.verify()).toMatchObject({ ok: true, problems: [] });
  });

  test('the operator may bound it: the shorter of the two counts', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const sender = await world.signIn(bob);
    await mail(world, sender, bob, 'kept for ever, as bob wants');
    world.clock.jumpTo(NOON + 40 * DAY);
    const held = async (): Promise<BodyState | undefined> =>
      (await everything(await world.signIn(bob))).entries[0]?.bodyState;
    await world.core.retention.sweep(new AbortController().signal);
    expect(await held()).toBe(BodyState.INLINE);
    expect(await world.core.operator.setRetention(bob.address, 30)).toMatchObject({ retentionDays: 30 });
    await world.core.retention.sweep(new AbortController().signal);
    expect(await held()).toBe(BodyState.ERASED);
  });

  test('notes never expire', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob', { retentionDays: 1 });
    const sender = await world.signIn(bob);
    const note = utf8('flags');
    await sender.submit(writePdu(world.random, bob, [bob.address], note, 'note'), note);
    await mail(world, sender, bob, 'mail');
    world.clock.jumpTo(NOON + 10 * DAY);
    await world.core.retention.sweep(new AbortController().signal);
    const { entries } = await everything(await world.signIn(bob));
    expect(entries.map((entry) => entry.bodyState)).toEqual([BodyState.INLINE, BodyState.ERASED]);
  });

  test('a clock that jumps ahead a year expires nothing for a day', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob', { retentionDays: 30 });
    const sender = await world.signIn(bob);
    await mail(world, sender, bob, 'yesterday');
    const held = async (): Promise<BodyState | undefined> =>
      (await everything(await world.signIn(bob))).entries[0]?.bodyState;
    world.clock.jumpTo(NOON + 365 * DAY);
    await world.clock.advance(2 * 3_600_000);
    expect(await held()).toBe(BodyState.INLINE);
    // The operator sets it right: nothing was lost.
    world.clock.jumpTo(NOON + 2 * 3_600_000);
    await world.clock.advance(3 * DAY);
    expect(await held()).toBe(BodyState.INLINE);
  });
});
