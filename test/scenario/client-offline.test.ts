import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import type { Client } from '../../src/client/index.ts';
import { EntryKind, type NodeMessage, ReceiptStatus } from '../../src/protocol/index.ts';
import { FaultyStore } from '../../src/store/index.ts';
import { drive } from '../harness/cheat.ts';
import { all, ClientWorld, never } from '../harness/client-world.ts';

/** Everything a client says about its connection, in order. */
function record(client: Client): string[] {
  const heard: string[] = [];
  client.events.on('mailserver:changed', ({ node }) => heard.push(`changed ${node}`));
  client.events.on('state', ({ state }) => heard.push(state));
  client.events.on('mailserverAvailable', ({ node }) => heard.push(`available ${node}`));
  client.events.on('offline', () => heard.push('offline'));
  return heard;
}

function isChainOf(message: NodeMessage, address: string): boolean {
  if (message.oneofKind !== 'chain') return false;
  return message.chain.documents.some((document) => Buffer.from(document).includes(`"address":"${address}"`));
}

/** Every one of so many connections on which somebody's chain is looked up ends. Says how many there were. */
function cutLookUpsOf(world: ClientWorld, address: string, many: number): { readonly count: number } {
  const cuts = { count: 0 };
  world.tamper = (message) => {
    if (!isChainOf(message, address) || cuts.count >= many) return message;
    cuts.count += 1;
    world.cutAll();
    return undefined;
  };
  return cuts;
}

async function person() {
  const world = await ClientWorld.open();
  const alice = await world.newPerson('alice');
  return {
    world,
    alice,
    client: alice.client,
    async [Symbol.asyncDispose]() {
      await alice.client[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

describe('without a node', () => {
  test('a client says so, keeps trying each ten seconds, and comes back in the seed’s order', async () => {
    await using setting = await person();
    const { world, client } = setting;
    const heard = record(client);
    world.isCut = true;
    await expect(client.connect(never)).rejects.toMatchObject({ code: 'offline', fix: expect.any(String) });
    expect(heard).toEqual(['offline']);
    expect(client.state).toMatchObject({ connection: 'disconnected', offlineSince: expect.any(Number) });
    await world.node.clock.advance(30_000);
    expect(heard).toEqual(['offline']);
    world.isCut = false;
    const back = new Promise<void>((resolve) => client.events.on('mailserverAvailable', () => resolve()));
    await world.node.clock.advance(10_000);
    await back;
    expect(heard).toEqual(['offline', 'changed a', 'connecting', 'connected', 'available a']);
    expect(client.state).toMatchObject({ connection: 'connected', node: 'a', offlineSince: undefined });
  });

  test('a question asked while it is offline already is answered, each time', async () => {
    await using setting = await person();
    const { world, client } = setting;
    world.isCut = true;
    for (let times = 0; times < 3; times++)
      await expect(client.connect(never)).rejects.toMatchObject({ code: 'offline' });
  });

  test('a person hears that the home does not let them in, before they connect and while they are', async () => {
    await using setting = await person();
    const { world, client } = setting;
    const { operator } = world.node.core;
    await client.connect(never);
    const told = new Promise<unknown>((resolve) => client.events.on('offline', ({ refusal }) => resolve(refusal)));
    await operator.setBanned(client.address, true);
    expect(await told).toMatchObject({ code: 'banned' });
    await expect(client.connect(never)).rejects.toMatchObject({
      code: 'banned',
      fix: expect.stringMatching(/operator/),
    });
    await expect(client.account.setRetention(1)).rejects.toMatchObject({ code: 'banned' });
    world.isCut = true;
    await expect(client.connect(never)).rejects.toMatchObject({ code: 'offline' });
    world.isCut = false;
    await operator.setBanned(client.address, false);
    await client.connect(never);
    expect(client.state).toMatchObject({ connection: 'connected' });
    await client.account.close();
    await expect(drive(world, client.connect(never))).rejects.toMatchObject({ code: 'account_closed' });
  });

  test('mail to somebody known waits on this device and goes when there is a node, once', async () => {
    await using setting = await person();
    const { world, client } = setting;
    await client.sync({ signal: never });
    world.isCut = true;
    world.cutAll();
    const gone = new Promise<void>((resolve) => client.events.on('offline', () => resolve()));
    await Promise.all([gone, world.node.clock.advance(15_000)]);
    const sent = await client.send({ to: [client.address], subject: 'later', text: 'x' });
    expect(sent.status).toBe('queued');
    expect(client.outbox.queuedCount).toBe(1);
    world.isCut = false;
    await client.flush(never);
    expect(client.outbox.items).toEqual([]);
    await client.sync({ signal: never });
    expect(await all(client.mail.list())).toHaveLength(1);
  });

  test('the first mail to somebody waits for the next node where it is written just between two', async () => {
    await using setting = await person();
    const { world, client } = setting;
    const bob = await world.newPerson('bob');
    await using _ = bob.client;
    await client.sync({ signal: never });
    const ended = new Promise<void>((resolve) =>
      client.events.on('state', ({ state }) => state === 'disconnected' && resolve()),
    );
    world.cutAll();
    await ended;
    expect(await drive(world, client.send({ to: [bob.client.address], text: 'x' }))).toMatchObject({
      status: 'accepted',
    });
  });

  test('a submit whose receipt is lost is sent again, and is there once', async () => {
    await using setting = await person();
    const { world, client } = setting;
    await client.connect(never);
    let lost = 0;
    world.tamper = (message) => {
      if (message.oneofKind !== 'receipt' || lost > 0) return message;
      lost += 1;
      world.cutAll();
      return undefined;
    };
    const sent = await client.send({ to: [client.address], subject: 'x', text: 'x' });
    expect(sent.status).toBe('queued');
    await client.flush(never);
    expect(lost).toBe(1);
    await client.sync({ signal: never });
    expect((await client.report()).report[0]).toMatchObject({ held: 1 });
    expect(await all(client.mail.list())).toHaveLength(1);
  });

  test('a connection that ends while a recipient is looked up is replaced, and the next one asked', async () => {
    await using setting = await person();
    const { world, client } = setting;
    const { created } = await world.createAccount('bob');
    const bob = created.profile.address;
    await client.sync({ signal: never });
    const cuts = cutLookUpsOf(world, bob, 1);
    const sent = await client.send({ to: [bob], subject: 'x', text: 'x' });
    expect([cuts.count, sent.status]).toEqual([1, 'accepted']);
  });

  test('a node that ends each connection on which a recipient is looked up is asked no more than three times', async () => {
    await using setting = await person();
    const { world, client } = setting;
    const { created } = await world.createAccount('bob');
    const bob = created.profile.address;
    await client.sync({ signal: never });
    const cuts = cutLookUpsOf(world, bob, Number.POSITIVE_INFINITY);
    const sending = client.send({ to: [bob], subject: 'x', text: 'x' });
    await expect(sending).rejects.toMatchObject({ code: 'closed', retry: 'now' });
    expect(cuts.count).toBe(3);
    expect(client.outbox.items).toEqual([]);
  });
});

describe('after a sleep', () => {
  test('a silent connection is found dead within a second, which waking hours would give longer', async () => {
    await using setting = await person();
    const { world, client } = setting;
    await client.sync({ signal: never });
    const heard = record(client);
    const { clock } = world.node;
    world.tamper = () => undefined; // the network lost the connection and told nobody
    await clock.advance(2_000);
    expect(heard).toEqual([]);
    clock.jumpTo(clock.now() + 3_600_000);
    await clock.advance(2_500);
    expect(heard[0]).toBe('disconnected');
    world.tamper = undefined;
    const back = new Promise<void>((resolve) => client.events.on('mailserverAvailable', () => resolve()));
    await drive(world, back);
    expect(client.state).toMatchObject({ connection: 'connected', offlineSince: undefined });
  });
});

describe('the outbox', () => {
  test('loses nothing and doubles nothing when the client dies at any write', async () => {
    await using setting = await person();
    const { world, alice, client } = setting;
    await client.sync({ signal: never });
    await client[Symbol.asyncDispose]();
    const files = [utf8('a'), utf8('b'), utf8('c')];
    for (let nth = 1; ; nth++) {
      const store = new FaultyStore(alice.store, { operation: 'commit', at: nth, isLasting: true, code: 'disk_full' });
      try {
        await using dying = await world.openClient(store, alice.created.profile);
        for (const mime of files) await dying.importRaw(mime, dying.address, AbortSignal.timeout(3_000));
        await dying.flush(AbortSignal.timeout(1_000));
      } catch {
        continue; // it died; the next one goes on from what is on disk
      }
      if (!store.hasFired) break;
      expect(nth).toBeLessThan(40);
    }
    await using again = await world.openClient(alice.store, alice.created.profile);
    await again.flush(never);
    await again.sync({ signal: never });
    const exported = await all(again.mail.export());
    expect(
      exported.map((item) => (item.status === 'opened' ? String.fromCharCode(...item.mime) : item.code)).sort(),
    ).toEqual(['a', 'b', 'c']);
  });

  test('keeps what a node refuses, with the reason, until a person decides', async () => {
    await using setting = await person();
    const { world, client } = setting;
    await client.connect(never);
    let refuse = true;
    world.tamper = (message) =>
      refuse && message.oneofKind === 'receipt'
        ? {
            oneofKind: 'receipt',
            receipt: { ...message.receipt, status: ReceiptStatus.OVER_QUOTA, detail: 'alice@home.example' },
          }
        : message;
    await expect(client.send({ to: [client.address], text: 'x' })).rejects.toMatchObject({ code: 'refused' });
    const [item] = client.outbox.items;
    expect(item?.refused).toEqual(expect.objectContaining({ code: 'over_quota', detail: 'alice@home.example' }));
    await client.flush(never);
    refuse = false;
    expect(await client.outbox.retry(item?.id as never)).toBe(true);
    await client.flush(never);
    expect(client.outbox.items).toEqual([]);
  });

  test('waits as long as a rate limit says', async () => {
    await using setting = await person();
    const { world, client } = setting;
    await client.connect(never);
    let told: () => void = () => undefined;
    const limited = new Promise<void>((resolve) => {
      told = resolve;
    });
    let count = 0;
    world.tamper = (message) => {
      if (message.oneofKind !== 'receipt' || count++ > 0) return message;
      told();
      const receipt = { ...message.receipt, status: ReceiptStatus.RATE_LIMITED, retryAfterMs: 5_000 };
      return { oneofKind: 'receipt', receipt };
    };
    const sending = client.send({ to: [client.address], text: 'x' });
    await limited;
    await world.node.clock.advance(4_000);
    expect(client.outbox.queuedCount).toBe(1);
    await world.node.clock.advance(2_000);
    expect(await sending).toMatchObject({ status: 'accepted' });
  });
});

test('bad entries beside good ones stop nothing, and are named', async () => {
  await using setting = await person();
  const { world, client } = setting;
  await client.connect(never);
  await client.send({ to: [client.address], subject: 'good', text: 'x' });
  world.tamper = (message) => {
    if (message.oneofKind !== 'entries') return message;
    const junk = { ...message.entries.entries[0], kind: EntryKind.NOTE } as never;
    return { oneofKind: 'entries', entries: { ...message.entries, entries: [junk] } };
  };
  await client.sync({ signal: never });
  expect(client.alarms.map(({ code }) => code)).toEqual(['malformed_entry']);
  expect((await client.report()).unverified).toBe(1);
});
