import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import type { Client, ClientEvents } from '../../src/client/index.ts';
import { restoreBackup } from '../../src/node/index.ts';
import { BodyState, EntryKind } from '../../src/protocol/index.ts';
import { FaultyStore } from '../../src/store/index.ts';
import { drive } from '../harness/cheat.ts';
import { all, ClientWorld, never } from '../harness/client-world.ts';
import { GatedStore } from '../harness/gated-store.ts';
import { until } from '../harness/until.ts';

const DAY_MS = 86_400_000;

async function subjects(client: Client): Promise<string[]> {
  return (await all(client.mail.list())).map(({ subject }) => subject).sort();
}

async function send(from: Client, to: Client, ...texts: readonly string[]): Promise<void> {
  for (const subject of texts) await from.send({ to: [to.address], subject, text: 'x' });
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function pair() {
  const world = await ClientWorld.open();
  const alice = await world.newPerson('alice');
  const bob = await world.newPerson('bob');
  await alice.client.connect(never);
  return {
    world,
    alice,
    bob,
    a: alice.client,
    b: bob.client,
    async [Symbol.asyncDispose]() {
      await alice.client[Symbol.asyncDispose]();
      await bob.client[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

describe('a position is never a time', () => {
  test('nothing is lost or doubled when the clocks jump back three days and ahead a year, in a shared microsecond', async () => {
    await using setting = await pair();
    const { world, a, b } = setting;
    await send(a, b, '1', '2');
    await b.sync({ signal: never });
    world.node.clock.jumpTo(world.node.clock.now() - 3 * DAY_MS);
    await send(a, b, '3', '4');
    expect(await b.sync({ signal: never })).toMatchObject({ missing: 0, complete: true });
    world.node.clock.jumpTo(world.node.clock.now() + 365 * DAY_MS);
    await send(a, b, '5');
    expect(await b.sync({ signal: never })).toMatchObject({ missing: 0, complete: true });
    expect(await subjects(b)).toEqual(['1', '2', '3', '4', '5']);
  });

  test('live mail in the middle of a catch-up moves nothing: what was missed before it comes too', async () => {
    await using setting = await pair();
    const { world, a, b } = setting;
    for (let i = 0; i < 40; i++) await a.importRaw(utf8(`Subject: old ${i}\r\n\r\nx`), b.address);
    await a.flush(never);
    let pages = 0;
    let live: Promise<unknown> = Promise.resolve();
    world.tamper = (message) => {
      // Cut in the middle of the first page, after a live entry was sent.
      if (message.oneofKind !== 'entries') return message;
      pages += 1;
      if (pages === 1) {
        live = a.send({ to: [b.address], subject: 'live', text: 'x' });
        const entries = message.entries.entries.slice(0, 7);
        return { oneofKind: 'entries', entries: { ...message.entries, entries } };
      }
      return message;
    };
    await b.sync({ signal: never });
    await live;
    world.tamper = undefined;
    expect(await b.sync({ signal: never })).toMatchObject({ missing: 0, complete: true });
    expect(await subjects(b)).toHaveLength(41);
  });

  test('a connection that ends while its pages are still being stored takes nothing from the next one', async () => {
    await using setting = await pair();
    const { world, a, bob } = setting;
    const store = new GatedStore(bob.store);
    await using b = await world.openClient(store, bob.created.profile);
    await send(a, b, '1');
    await drive(world, b.sync({ signal: never }));
    world.tamper = (message) => {
      if (message.oneofKind === 'entries') store.holdWrite();
      return message;
    };
    const sent = send(a, b, '2');
    await drive(
      world,
      until(() => store.waiting === 1),
    );
    world.tamper = undefined;
    await sent;
    await world.reconnect(b);
    await drive(world, b.sync({ signal: never }));
    const arrived = new Promise<void>((resolve) => b.events.on('arrived', () => resolve()));
    store.release();
    await drive(world, arrived);
    expect(await drive(world, b.sync({ signal: never }))).toMatchObject({ missing: 0, complete: true });
  });

  test('a client that dies at any write goes on where it was', async () => {
    await using setting = await pair();
    const { world, a, b, bob } = setting;
    await b[Symbol.asyncDispose]();
    await send(a, b, '1', '2', '3');
    let fails = 0;
    for (let nth = 1; ; nth++) {
      const faulty = new FaultyStore(bob.store, { operation: 'commit', at: nth, isLasting: true, code: 'failed' });
      const failed = await attempt(world, faulty, bob.created.profile);
      if (!failed) break;
      fails += 1;
      expect(nth).toBeLessThan(60);
    }
    expect(fails).toBeGreaterThan(2);
    await using again = await world.openClient(bob.store, bob.created.profile);
    expect(await again.sync({ signal: never })).toMatchObject({ missing: 0, complete: true });
    expect(await subjects(again)).toEqual(['1', '2', '3']);
  });

  test('a write that fails once while the client goes on loses nothing of what it holds', async () => {
    await using setting = await pair();
    const { world, a, b, bob } = setting;
    await b[Symbol.asyncDispose]();
    const sent: string[] = [];
    for (let nth = 1; nth <= 16; nth++) {
      const fault = { operation: 'commit', at: nth, isLasting: false, code: 'disk_full' } as const;
      const client = await world
        .openClient(new FaultyStore(bob.store, fault), bob.created.profile)
        .catch(() => undefined);
      if (client === undefined) continue; // before anything was asked for
      await using again = client;
      await again.connect(never).catch(() => undefined); // it connects by itself
      const burst = Array.from({ length: 8 }, (_, i) => `${nth} ${i}`);
      await send(a, again, ...burst);
      sent.push(...burst);
      let missing: number | undefined;
      while (missing !== 0) {
        let isOver = false;
        const syncing = again.sync({ signal: AbortSignal.timeout(4_000) }).then(
          (result) => ({ missing: result.missing }),
          () => ({ missing: undefined }), // the one that fails, or the wait before it connects anew
        );
        const over = syncing.then(() => {
          isOver = true;
        });
        for (; !isOver; await turns(20)) await world.node.clock.advance(500);
        await over;
        ({ missing } = await syncing);
      }
      expect([nth, ...(await subjects(again))]).toEqual([nth, ...sent.toSorted()]);
    }
  });

  test('a server restored from yesterday’s backup: the client says so, keeps what it held, and gives it back', async () => {
    await using setting = await pair();
    const { world, a, b } = setting;
    const folder = await mkdtemp(join(tmpdir(), 'restante-backup-'));
    await send(a, b, 'before');
    await b.sync({ signal: never });
    await world.node.core.operator.backup(join(folder, 'backup'));
    await send(a, b, 'after', 'later');
    await b.sync({ signal: never });
    expect(await subjects(b)).toEqual(['after', 'before', 'later']);
    await world.node.stop();
    await restoreBackup(join(folder, 'backup'), join(folder, 'restored'));
    await world.node.start(join(folder, 'restored'));
    const restored: ClientEvents['server_restored'][] = [];
    b.events.on('server_restored', (event) => restored.push(event));
    await b.sync({ signal: never });
    expect(restored).toMatchObject([{ node: 'a', heldBeyond: 1 }]);
    // A restored home cannot go on with its key log either, and people are told when the log of their keys is another one.
    expect(b.alarms.map(({ code }) => code)).toEqual(['key_log_replaced']);
    expect(await subjects(b)).toEqual(['after', 'before', 'later']);
    await send(a, b, 'new');
    await a.flush(never);
    expect(await b.sync({ signal: never })).toMatchObject({ missing: 0, complete: true });
    expect(await subjects(b)).toEqual(['after', 'before', 'later', 'new']);
    // A new device finds everything at the home again, once.
    await using fresh = (await world.newDevice(setting.bob.created.profile)).client;
    expect(await fresh.sync({ signal: never })).toMatchObject({ missing: 0, complete: true });
    expect(await subjects(fresh)).toEqual(['after', 'before', 'later', 'new']);
    // What is deleted now is erased where it was given back to, not only where it was received first.
    for await (const { id, subject } of b.mail.list()) if (subject === 'after') await b.mail.delete([id]);
    await b.flush(never);
    await world.node.clock.advance(5_000);
    const bodies: BodyState[] = [];
    world.tamper = (message) => {
      if (message.oneofKind !== 'entries') return message;
      for (const { bodyState, kind } of message.entries.entries) if (kind === EntryKind.MAIL) bodies.push(bodyState);
      return message;
    };
    await using last = (await world.newDevice(setting.bob.created.profile)).client;
    await last.sync({ signal: never });
    expect(await subjects(last)).toEqual(['before', 'later', 'new']);
    expect(bodies.filter((state) => state === BodyState.ERASED)).toHaveLength(1);
    expect(bodies.filter((state) => state === BodyState.INLINE)).toHaveLength(3);
    await rm(folder, { recursive: true, force: true });
  });

  test('a server restored from a backup of before one’s first mail is given all of it back', async () => {
    await using setting = await pair();
    const { world, a, b } = setting;
    const folder = await mkdtemp(join(tmpdir(), 'restante-backup-'));
    await world.node.core.operator.backup(join(folder, 'backup'));
    await send(a, b, 'after', 'later');
    await b.sync({ signal: never });
    // Alice would give back what she wrote, too.
    await a[Symbol.asyncDispose]();
    await world.node.stop();
    await restoreBackup(join(folder, 'backup'), join(folder, 'restored'));
    await world.node.start(join(folder, 'restored'));
    const restored: ClientEvents['server_restored'][] = [];
    b.events.on('server_restored', (event) => restored.push(event));
    await b.sync({ signal: never });
    expect(restored).toMatchObject([{ node: 'a', heldBeyond: 0 }]);
    await using fresh = (await world.newDevice(setting.bob.created.profile)).client;
    expect(await fresh.sync({ signal: never })).toMatchObject({ missing: 0, complete: true });
    expect(await subjects(fresh)).toEqual(['after', 'later']);
    await rm(folder, { recursive: true, force: true });
  });

  test('a server restored once more: what had been given back to it is given back again', async () => {
    await using setting = await pair();
    const { world, a, b } = setting;
    const folder = await mkdtemp(join(tmpdir(), 'restante-backup-'));
    const restore = async (backup: string, to: string): Promise<void> => {
      await world.node.stop();
      await restoreBackup(join(folder, backup), join(folder, to));
      await world.node.start(join(folder, to));
    };
    await send(a, b, 'before');
    await b.sync({ signal: never });
    await world.node.core.operator.backup(join(folder, 'yesterday'));
    await send(a, b, 'after', 'later');
    await b.sync({ signal: never });
    // Alice holds what she wrote and would give it back too; Bob is away until the next backup.
    await a[Symbol.asyncDispose]();
    await b[Symbol.asyncDispose]();
    await restore('yesterday', 'first');
    await using carol = (await world.newPerson('carol')).client;
    await carol.connect(never);
    await send(carol, b, 'new');
    await carol.flush(never);
    await world.node.core.operator.backup(join(folder, 'today'));
    await using back = await world.openClient(setting.bob.store, setting.bob.created.profile);
    expect(await back.sync({ signal: never })).toMatchObject({ missing: 0, complete: true });
    expect(await back.sync({ signal: never })).toMatchObject({ missing: 0, complete: true });
    await restore('today', 'second');
    await back.sync({ signal: never });
    expect(await subjects(back)).toEqual(['after', 'before', 'later', 'new']);
    await using fresh = (await world.newDevice(setting.bob.created.profile)).client;
    expect(await fresh.sync({ signal: never })).toMatchObject({ missing: 0, complete: true });
    expect(await subjects(fresh)).toEqual(['after', 'before', 'later', 'new']);
    await rm(folder, { recursive: true, force: true });
  });

  test('what retention took before it was fetched is told as expired, not as complete', async () => {
    await using setting = await pair();
    const { world, a, b } = setting;
    await b.connect(never);
    await b.account.setRetention(7);
    await b[Symbol.asyncDispose]();
    await send(a, b, '1', '2');
    world.node.clock.jumpTo(world.node.clock.now() + 8 * DAY_MS);
    await world.node.core.retention.sweep(never);
    await send(a, b, '3');
    await using again = await world.openClient(setting.bob.store, setting.bob.created.profile);
    const { report } = await again.sync({ signal: never });
    expect(report.report[0]).toMatchObject({ upTo: 3, held: 1, missing: [], expired: [[1, 2]] });
    expect(report.sentence).toBe('complete up to 3 on 1 of 1 node; expired: 1–2');
    expect(await subjects(again)).toEqual(['3']);
  });
});

async function attempt(
  world: ClientWorld,
  store: FaultyStore,
  profile: Parameters<ClientWorld['openClient']>[1],
): Promise<boolean> {
  try {
    await using client = await world.openClient(store, profile);
    await client.sync({ signal: AbortSignal.timeout(4_000) });
  } catch {
    return true; // the fault stands for the client's death: what counts is what a new one finds
  }
  return store.hasFired;
}
