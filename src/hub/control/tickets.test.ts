import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ManualClock, SeededSecureRandom, SILENT_LOG } from '../../base/index.ts';
import { SodiumSuite } from '../../base/system/index.ts';
import { type Address, parseAddress } from '../../protocol/index.ts';
import { LocalBus } from '../bus/local-bus.ts';
import { Component } from '../component/component.ts';
import { createInstanceId, createSessionId } from '../component/ids.ts';
import { createComponentKeys, publicKeysOf } from '../component/keys.ts';
import { ticketAnswer } from '../component/user-server-protocol.ts';
import { BLOBS_FOLDER } from '../user-server/limits.ts';
import { SealedBlobs } from '../user-server/sealed-blobs.ts';
import { KeyRing } from './key-ring.ts';
import { TICKET_MS, TICKETS_PER_USER_MAX } from './limits.ts';
import { type Session, Sessions } from './sessions.ts';
import { type BlobStream, Tickets } from './tickets.ts';
import { UserFolders } from './user-folders.ts';

const suite = new SodiumSuite();
const random = new SeededSecureRandom(11);
const signal = new AbortController().signal;
const [alice, bob] = [parseAddress('alice@home.example'), parseAddress('bob@home.example')];
const text = (letters: string): Uint8Array => new TextEncoder().encode(letters);
const refused = expect.objectContaining({ code: 'refused' });

/** Two people with a blob each, their user servers on the bus, and sessions. */
async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'tickets-'));
  const clock = new ManualClock(0);
  const bus = new LocalBus(() => undefined);
  const self = { instance: createInstanceId(random), keys: createComponentKeys(suite, random) };
  const control = await Component.open({ clock, suite, log: SILENT_LOG, bus }, self);
  const folders = new UserFolders(folder);
  const keyRing = new KeyRing(clock, random, self.keys.sealing);
  const sessions = new Sessions(clock, () => undefined);
  const tickets = new Tickets({ clock, random, folders, keyRing, sessions });
  tickets.serve(control);
  const person = async (user: Address, content: string) => {
    const hubKey = random.bytes(32);
    keyRing.hold(user, hubKey);
    const blobs = await SealedBlobs.open(
      { random, checkFence: () => undefined },
      { folder: join(folders.of(user), BLOBS_FOLDER), hubKey },
    );
    const octets = (async function* () {
      yield text(content);
    })();
    const { id: blobId, size } = await blobs.put('mail', octets, signal);
    const keys = createComponentKeys(suite, random);
    const instance = createInstanceId(random);
    const server = await Component.open({ clock, suite, log: SILENT_LOG, bus }, { instance, keys });
    server.correspondence.meet({ instance: self.instance, keys: publicKeysOf(self.keys) });
    control.correspondence.meet({ instance, keys: publicKeysOf(keys) }, user);
    const openSession = (): Session => {
      const session: Session = { id: createSessionId(random), user, slotIds: ['s'], scopes: ['read'], via: 'port' };
      sessions.attach(session, () => undefined);
      return session;
    };
    const session = openSession();
    return {
      session,
      openSession,
      blobs,
      blobId,
      path: join(folders.of(user), BLOBS_FOLDER, 'mail', blobId),
      ask: async (request: object = {}, about: { id: Session['id']; user: Address } = session) => {
        const body = { accountId: 'mail', blobId, start: 0, end: size, ...request };
        const asked = { user: about.user, session: about.id, signal };
        return ticketAnswer.parse(await server.request(self.instance, 'ticket', body, asked)).ticket;
      },
    };
  };
  return {
    clock,
    tickets,
    alice: await person(alice, 'a letter of Alice'),
    bob: await person(bob, 'a letter of Bob'),
    [Symbol.asyncDispose]: async () => {
      await bus[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

async function read(stream: BlobStream): Promise<string> {
  await using open = stream;
  const pieces: Uint8Array[] = [];
  for await (const piece of open.octets) pieces.push(piece);
  const whole = Buffer.concat(pieces);
  expect(whole.length).toBe(open.size);
  return whole.toString();
}

describe('a ticket', () => {
  test('opens the octets that it was made for, once', async () => {
    await using world = await setup();
    const ticket = await world.alice.ask();
    expect(await read(await world.tickets.redeem(ticket, world.alice.session))).toBe('a letter of Alice');
    await expect(world.tickets.redeem(ticket, world.alice.session)).rejects.toEqual(refused);
    const part = await world.alice.ask({ start: 2, end: 8 });
    expect(await read(await world.tickets.redeem(part, world.alice.session))).toBe('letter');
  });

  test('opens nothing for another user, for another session, or for both again: it is gone when it is shown', async () => {
    await using world = await setup();
    for (const thief of [world.bob.session, world.alice.openSession(), { ...world.alice.session, user: bob }]) {
      const ticket = await world.alice.ask();
      await expect(world.tickets.redeem(ticket, thief)).rejects.toEqual(refused);
      await expect(world.tickets.redeem(ticket, world.alice.session)).rejects.toEqual(refused);
    }
    await expect(world.tickets.redeem('0'.repeat(64), world.alice.session)).rejects.toEqual(refused);
  });

  test('opens nothing after its time', async () => {
    await using world = await setup();
    const [early, late] = [await world.alice.ask(), await world.alice.ask()];
    await world.clock.advance(TICKET_MS - 1);
    expect(await read(await world.tickets.redeem(early, world.alice.session))).toBe('a letter of Alice');
    await world.clock.advance(1);
    await expect(world.tickets.redeem(late, world.alice.session)).rejects.toEqual(refused);
  });

  test('is not made for a session of somebody else, for one that is not open, nor for anything but a blob of the own folder', async () => {
    await using world = await setup();
    const { alice: a, bob: b } = world;
    await expect(a.ask({}, { ...b.session, user: alice })).rejects.toMatchObject({ code: 'absent' });
    await expect(a.ask({}, { id: createSessionId(random), user: alice })).rejects.toMatchObject({ code: 'absent' });
    for (const request of [
      { accountId: '..' },
      { accountId: '../../bob/blobs/mail' },
      { blobId: '../hub-key' },
      { blobId: `${b.blobId}\0` },
      { start: 5, end: 4 },
      { path: '/etc/passwd' },
    ])
      await expect(a.ask(request)).rejects.toMatchObject({ code: 'malformed' });
    // Its name alone is no way to somebody else's blob.
    const ticket = await a.ask({ blobId: b.blobId });
    await expect(world.tickets.redeem(ticket, a.session)).rejects.toMatchObject({ code: 'absent' });
  });

  test('of a blob that has gone, or is damaged, says so', async () => {
    await using world = await setup();
    const [gone, damaged] = [await world.alice.ask(), await world.bob.ask()];
    await world.alice.blobs.delete('mail', world.alice.blobId);
    await expect(world.tickets.redeem(gone, world.alice.session)).rejects.toMatchObject({ code: 'absent' });
    await writeFile(world.bob.path, 'something else that is not sealed with any key');
    await expect(world.tickets.redeem(damaged, world.bob.session)).rejects.toMatchObject({ code: 'damaged' });
  });

  test('is one of so many of a user; others have theirs', async () => {
    await using world = await setup();
    for (let count = 0; count < TICKETS_PER_USER_MAX; count++) await world.alice.ask();
    await expect(world.alice.ask()).rejects.toMatchObject({ code: 'busy' });
    await world.bob.ask();
    await world.clock.advance(TICKET_MS);
    await world.alice.ask();
  });
});
