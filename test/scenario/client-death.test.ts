/** The client dies between any two writes: while it catches up, with live mail arriving, and while it sends. */
import { expect, test } from 'vitest';
import { FaultyStore, MemoryStore, type Store } from '../../src/store/index.ts';
import { all, ClientWorld, never } from '../harness/client-world.ts';
import { until } from '../harness/until.ts';

const EVERYTHING = { from: new Uint8Array(0), to: new Uint8Array(200).fill(255) };
/** More writes than one such sync and send make: the sweep ends by itself long before. */
const WRITES_MAX = 80;

async function copyOf(store: Store): Promise<MemoryStore> {
  const copy = new MemoryStore();
  const rows = await store.range({ ...EVERYTHING, limit: 100_000 });
  await copy.transact((transaction) => {
    for (const { key, value } of rows) transaction.put(key, value);
  });
  return copy;
}

test('a client that dies between any two writes of a catch-up and a send loses nothing, doubles nothing, claims nothing', async () => {
  await using world = await ClientWorld.open();
  const alice = await world.newPerson('alice');
  const bob = await world.newPerson('bob');
  await using a = alice.client;
  await a.connect(never);
  await bob.client.connect(never);
  await bob.client.people.lookUp(a.address);
  await bob.client[Symbol.asyncDispose]();
  const held: string[] = [];
  const mailToBob = async (subject: string): Promise<void> => {
    await a.send({ to: [bob.client.address], subject, text: 'x' });
    held.push(subject);
  };
  for (const subject of ['old 1', 'old 2', 'old 3']) await mailToBob(subject);

  const sent: string[] = [];
  let deaths = 0;
  for (let nth = 1; ; nth++) {
    expect(nth).toBeLessThan(WRITES_MAX);
    const disk = await copyOf(bob.store);
    const store = new FaultyStore(disk, { operation: 'commit', at: nth, isLasting: true, code: 'failed' });
    let live: Promise<void> | undefined;
    world.tamper = (message) => {
      // The first page of the catch-up is on its way: now mail arrives.
      if (message.oneofKind === 'entries' && live === undefined) live = mailToBob(`live ${nth}`);
      return message;
    };
    const subject = `from bob ${nth}`;
    // Opening may write too, and die of it.
    const dying = await world.openClient(store, bob.created.profile).catch(() => undefined);
    if (dying !== undefined) {
      await using client = dying;
      const work = client
        .sync({ signal: never })
        .then(() => client.send({ to: [a.address], subject, text: 'x' }))
        .then(
          () => sent.push(subject), // receipt or outbox: from here on it must arrive
          () => undefined, // the fault stands for its death: what counts is what a new one finds
        );
      await Promise.race([work, until(() => store.hasFired)]);
    }
    world.tamper = undefined;
    await live;

    await using again = await world.openClient(disk, bob.created.profile);
    const { report, missing, complete } = await again.sync({ signal: never });
    await again.flush(never);
    expect({ missing, complete }, `after write ${nth}`).toEqual({ missing: 0, complete: true });
    for (const feed of report.report) expect(feed.held).toBe(feed.upTo);
    const subjects = (await all(again.mail.list())).map((message) => message.subject);
    expect(subjects.filter((text) => !text.startsWith('from bob')).sort(), `after write ${nth}`).toEqual(
      [...held].sort(),
    );
    expect(again.alarms).toEqual([]);
    expect(again.outbox.items).toEqual([]);
    if (!store.hasFired) break;
    deaths += 1;
  }
  expect(deaths).toBeGreaterThan(5);
  await a.sync({ signal: never });
  const received = (await all(a.mail.list()))
    .map(({ subject }) => subject)
    .filter((text) => text.startsWith('from bob'));
  expect(new Set(received).size).toBe(received.length);
  expect(received).toEqual(expect.arrayContaining(sent));
  expect(sent).not.toEqual([]);
});
