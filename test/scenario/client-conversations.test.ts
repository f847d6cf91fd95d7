import { describe, expect, test } from 'vitest';
import { type AlarmCode, type Client, ClientError } from '../../src/client/index.ts';
import { encodeMemberBody, type Role } from '../../src/conversation/index.ts';
import { type Address, bodyOf, type ConversationId, deviceIdOf, type Pdu, signPdu } from '../../src/protocol/index.ts';
import { all, ClientWorld, never, type Tamper } from '../harness/client-world.ts';

interface Person {
  readonly client: Client;
  readonly created: Awaited<ReturnType<ClientWorld['newPerson']>>['created'];
  readonly store: Awaited<ReturnType<ClientWorld['newPerson']>>['store'];
}

/** Alice began a conversation with Bob and Carol; Dave has an account. Everybody is connected and has everything. */
async function setup() {
  const world = await ClientWorld.open();
  const people: Person[] = [];
  for (const name of ['alice', 'bob', 'carol', 'dave']) people.push(await world.newPerson(name));
  const [alice, bob, carol, dave] = people as [Person, Person, Person, Person];
  const clients = people.map(({ client }) => client);
  const syncAll = async (): Promise<void> => {
    await world.node.clock.advance(1);
    for (const client of clients) await client.sync({ signal: never });
  };
  for (const client of clients) await client.connect(never);
  const first = await alice.client.send({ to: [bob.client.address, carol.client.address], subject: 'Plan', text: '1' });
  await syncAll();
  return {
    world,
    alice,
    bob,
    carol,
    dave,
    talk: first.conversation,
    syncAll,
    async [Symbol.asyncDispose]() {
      world.tamper = undefined;
      for (const client of clients) await client[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

async function subjects({ client }: Person): Promise<string[]> {
  return (await all(client.mail.list())).map(({ subject }) => subject).reverse();
}

async function rolesIn(talk: ConversationId, { client }: Person): Promise<Record<string, Role>> {
  const { members, former } = await client.conversations.show(talk);
  return Object.fromEntries([...members, ...former].map(({ address, role }) => [address.split('@')[0], role]));
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ClientError) return error.code;
    throw error;
  }
  return 'done';
}

function codes({ client }: Person): AlarmCode[] {
  return client.alarms.map(({ code }) => code).sort();
}

const say = (subject: string, talk: ConversationId) => ({ to: [], subject, text: 'x', conversation: talk });

describe('a conversation of several people', () => {
  test('goes on among all who are in it, each PDU after those before it', async () => {
    await using setting = await setup();
    const { alice, bob, carol, talk, syncAll } = setting;
    await bob.client.send(say('Re 1', talk));
    await syncAll();
    await carol.client.send(say('Re 2', talk));
    await syncAll();
    for (const person of [alice, bob, carol]) expect(await subjects(person)).toEqual(['Plan', 'Re 1', 'Re 2']);
    const view = await alice.client.conversations.show(talk);
    expect(view).toMatchObject({ ownRole: 'owner', joinRule: 'invite', events: [], gaps: [], former: [] });
    expect(await rolesIn(talk, carol)).toEqual({ alice: 'owner', bob: 'member', carol: 'member' });
  });

  test('can go to some of them, and to nobody else', async () => {
    await using setting = await setup();
    const { bob, carol, dave, alice, talk, syncAll } = setting;
    const refused = bob.client.send({ ...say('x', talk), to: [dave.client.address] });
    await expect(refused).rejects.toMatchObject({
      code: 'not_a_member',
      fix: expect.stringContaining('conversation add'),
    });
    await bob.client.send({ ...say('Between us', talk), to: [carol.client.address] });
    await syncAll();
    expect(await subjects(carol)).toEqual(['Plan', 'Between us']);
    expect(await subjects(alice)).toEqual(['Plan']);
    // Alice does not read it, and writes after it all the same.
    await alice.client.send(say('Re', talk));
    await syncAll();
    expect(await subjects(bob)).toEqual(['Plan', 'Between us', 'Re']);
    expect((await carol.client.conversations.show(talk)).gaps).toEqual([]);
  });

  test('has who is added from then on, and tells everybody', async () => {
    await using setting = await setup();
    const { alice, bob, dave, talk, syncAll } = setting;
    const acted = await alice.client.conversations.add(talk, [dave.client.address], 'member');
    expect(acted.status).toBe('accepted');
    await syncAll();
    expect(await rolesIn(talk, dave)).toEqual({ alice: 'owner', bob: 'member', carol: 'member', dave: 'member' });
    await bob.client.send(say('Welcome', talk));
    await syncAll();
    // What was written before is not his, and a change is no mail.
    expect(await subjects(dave)).toEqual(['Welcome']);
    expect(await subjects(alice)).toEqual(['Plan', 'Welcome']);
    const [event] = (await bob.client.conversations.show(talk)).events;
    expect(event).toMatchObject({
      author: alice.client.address,
      counts: true,
      change: { type: 'member', about: dave.client.address, role: 'member' },
    });
    expect(await dave.client.sync({ signal: never })).toMatchObject({ complete: true, missing: 0 });
    expect(codes(dave)).toEqual([]);
    expect(await alice.client.conversations.add(talk, [dave.client.address], 'member')).toMatchObject({
      status: 'unchanged',
    });
  });

  test('is over for who is removed, who is told so', async () => {
    await using setting = await setup();
    const { alice, bob, carol, talk, syncAll } = setting;
    await alice.client.conversations.remove(talk, [carol.client.address]);
    await syncAll();
    await bob.client.send(say('Re', talk));
    await syncAll();
    expect(await subjects(carol)).toEqual(['Plan']);
    await expect(carol.client.send(say('x', talk))).rejects.toMatchObject({
      code: 'not_in_conversation',
      message: `${alice.client.address} removed you from this conversation`,
    });
    expect(await codeOf(carol.client.conversations.join(talk))).toBe('not_in_conversation');
    expect(await codeOf(alice.client.conversations.remove(talk, [carol.client.address]))).toBe('not_a_member');
  });

  test('shows what somebody wrote who did not know that they were removed, and that it does not count', async () => {
    await using setting = await setup();
    const { world, alice, carol, talk, syncAll } = setting;
    world.tamper = hiding(isRemoval, { mailbox: true });
    await alice.client.conversations.remove(talk, [carol.client.address]);
    const { id } = await carol.client.send({ ...say('Late', talk), despiteGaps: true });
    world.tamper = undefined;
    await syncAll();
    expect(await subjects(alice)).toEqual(['Plan', 'Late']);
    const { messages } = await alice.client.conversations.show(talk);
    expect(messages.map((message) => [message.id === id, message.counts])).toEqual([
      [false, true],
      [true, false],
    ]);
  });

  test('lets people leave, come back by invitation, and refuse one', async () => {
    await using setting = await setup();
    const { alice, bob, dave, talk, syncAll } = setting;
    await bob.client.conversations.leave(talk);
    await syncAll();
    expect(await codeOf(bob.client.send(say('x', talk)))).toBe('not_in_conversation');
    expect(await codeOf(bob.client.conversations.join(talk))).toBe('not_in_conversation');
    await alice.client.conversations.add(talk, [bob.client.address, dave.client.address], 'invited');
    await syncAll();
    await expect(bob.client.send(say('x', talk))).rejects.toMatchObject({
      message: `${alice.client.address} invited you, and you have not joined yet`,
    });
    await bob.client.conversations.join(talk);
    await dave.client.conversations.leave(talk);
    await syncAll();
    expect(await rolesIn(talk, alice)).toEqual({ alice: 'owner', bob: 'member', carol: 'member', dave: 'left' });
    await bob.client.send(say('Back', talk));
    await syncAll();
    expect(await subjects(alice)).toEqual(['Plan', 'Back']);
  });

  test('is its owners’ to change, and readers only read it', async () => {
    await using setting = await setup();
    const { alice, bob, carol, dave, talk, syncAll } = setting;
    expect(await codeOf(bob.client.conversations.add(talk, [dave.client.address], 'member'))).toBe('not_an_owner');
    expect(await codeOf(bob.client.conversations.remove(talk, [carol.client.address]))).toBe('not_an_owner');
    expect(await codeOf(bob.client.conversations.setJoinRule(talk, { open: 'member' }))).toBe('not_an_owner');
    expect(await codeOf(dave.client.conversations.leave(talk))).toBe('unknown_conversation');
    await alice.client.conversations.add(talk, [bob.client.address], 'owner');
    await syncAll();
    await bob.client.conversations.add(talk, [carol.client.address, dave.client.address], 'reader');
    await syncAll();
    expect(await rolesIn(talk, alice)).toEqual({ alice: 'owner', bob: 'owner', carol: 'reader', dave: 'reader' });
    await expect(carol.client.send(say('x', talk))).rejects.toMatchObject({ code: 'read_only' });
    await alice.client.send(say('News', talk));
    await syncAll();
    expect(await subjects(carol)).toEqual(['Plan', 'News']);
  });

  test('that is open takes in who comes, until it is closed', async () => {
    await using setting = await setup();
    const { alice, bob, carol, talk, syncAll } = setting;
    await bob.client.conversations.leave(talk);
    await syncAll();
    await alice.client.conversations.setJoinRule(talk, { open: 'reader' });
    expect(await bob.client.conversations.join(talk)).toMatchObject({ status: 'accepted' });
    await syncAll();
    expect(await rolesIn(talk, alice)).toEqual({ alice: 'owner', bob: 'reader', carol: 'member' });
    await carol.client.conversations.leave(talk);
    await syncAll();
    await alice.client.conversations.setJoinRule(talk, 'invite');
    expect(await codeOf(carol.client.conversations.join(talk))).toBe('not_in_conversation');
  });

  test('that is open shows itself to whoever may join, and only then', async () => {
    await using setting = await setup();
    const { alice, dave, talk, syncAll } = setting;
    expect(await codeOf(dave.client.conversations.join(talk))).toBe('unknown_conversation');
    await alice.client.conversations.setJoinRule(talk, { open: 'reader' });
    await dave.client.conversations.join(talk);
    await syncAll();
    expect(await rolesIn(talk, alice)).toMatchObject({ dave: 'reader' });
    expect(await codeOf(dave.client.send(say('x', talk)))).toBe('read_only');
  });

  test('is on the disk: without a node it is shown, changed and written to', async () => {
    await using setting = await setup();
    const { world, alice, dave, talk } = setting;
    await alice.client.people.lookUp(dave.client.address);
    await alice.client[Symbol.asyncDispose]();
    world.isCut = true;
    await using again = await world.openClient(alice.store, alice.created.profile);
    expect((await again.conversations.show(talk)).members).toHaveLength(3);
    expect(await again.conversations.add(talk, [dave.client.address], 'member')).toMatchObject({ status: 'queued' });
    expect(await again.send(say('To four', talk))).toMatchObject({ status: 'queued' });
    world.isCut = false;
    await again.connect(never);
    await again.flush(never);
    await dave.client.sync({ signal: never });
    expect(await subjects(dave)).toEqual(['To four']);
  });
});

/** Adds a PDU to whatever the home answers about a conversation. */
function inventing(pdu: Pdu, body: Uint8Array): Tamper {
  return (message) => {
    if (message.oneofKind !== 'conversation') return message;
    const pdus = [...message.conversation.pdus, { pdu: pdu.header, body, hasBody: body.length > 0 }];
    return { oneofKind: 'conversation', conversation: { ...message.conversation, pdus } };
  };
}

/** Leaves a PDU out of everything that the home shows: the conversation, and the mailbox where `mailbox` says so. */
function hiding(isHidden: (header: string) => boolean, { mailbox }: { readonly mailbox: boolean }): Tamper {
  const shown = ({ pdu }: { readonly pdu: Uint8Array }): boolean => !isHidden(Buffer.from(pdu).toString());
  return (message) => {
    if (message.oneofKind === 'conversation')
      return {
        oneofKind: 'conversation',
        conversation: { ...message.conversation, pdus: message.conversation.pdus.filter(shown) },
      };
    if (message.oneofKind !== 'entries' || !mailbox) return message;
    return { oneofKind: 'entries', entries: { ...message.entries, entries: message.entries.entries.filter(shown) } };
  };
}

const isRemoval = (header: string): boolean => header.includes('"type":"member"');

describe('a home that lies about who is in a conversation', () => {
  /** A change that adds Dave, as `author`, signed by `by`. */
  async function addition({ world, bob, dave, talk }: Awaited<ReturnType<typeof setup>>, author: Person, by: Person) {
    const { suite } = world.node;
    const body = encodeMemberBody('member');
    const first = (await all(bob.client.mail.list({ conversation: talk }))).at(-1);
    const content = {
      type: 'member' as const,
      conversation: talk,
      author: author.client.address,
      device: deviceIdOf(suite, author.created.profile.device.publicKey),
      depth: 2,
      prev: first === undefined ? [] : [first.id],
      recipients: [bob.client.address],
      stateKey: dave.client.address,
      time: 1,
      body: bodyOf(suite, body),
    };
    return { pdu: signPdu(suite, content, by.created.profile.device.secretKey), body };
  }

  async function recipientsOfReply({ bob, talk, syncAll }: Awaited<ReturnType<typeof setup>>): Promise<string[]> {
    const { id } = await bob.client.send(say('Re', talk));
    await syncAll();
    const sent = (await all(bob.client.mail.list())).find((summary) => summary.id === id);
    return (sent?.recipients ?? []).map((address: Address) => address.split('@')[0] as string).sort();
  }

  test('cannot add a reader: what no owner signed is named, and what a stranger signed does not count', async () => {
    await using setting = await setup();
    const { world, alice, bob, dave, talk } = setting;
    const forged = await addition(setting, alice, dave);
    world.tamper = inventing(forged.pdu, forged.body);
    expect(await recipientsOfReply(setting)).toEqual(['alice', 'bob', 'carol']);
    expect(codes(bob)).toEqual(['bad_signature']);
    const own = await addition(setting, dave, dave);
    world.tamper = inventing(own.pdu, own.body);
    expect(await recipientsOfReply(setting)).toEqual(['alice', 'bob', 'carol']);
    expect((await bob.client.conversations.show(talk)).events).toMatchObject([{ counts: false }]);
    expect(codes(bob)).toEqual(['bad_signature']);
    expect(await subjects(dave)).toEqual([]);
  });

  test('cannot change what a change says, nor show what is no PDU', async () => {
    await using setting = await setup();
    const { world, alice, bob, talk } = setting;
    const { pdu } = await addition(setting, alice, alice);
    world.tamper = inventing(pdu, encodeMemberBody('owner'));
    expect(await codeOf(bob.client.send(say('x', talk)))).toBe('conversation_gap');
    expect(codes(bob)).toEqual(['wrong_body']);
    world.tamper = inventing({ ...pdu, header: Buffer.from('{}') }, new Uint8Array(0));
    await bob.client.conversations.show(talk);
    expect(codes(bob)).toEqual(['malformed_entry', 'wrong_body']);
  });

  test('cannot hide a removal from who was sent it: nothing is encrypted while a hole is there', async () => {
    await using setting = await setup();
    const { world, alice, bob, carol, talk, syncAll } = setting;
    world.tamper = hiding(isRemoval, { mailbox: true });
    await alice.client.conversations.remove(talk, [carol.client.address]);
    await bob.client.sync({ signal: never });
    expect(codes(bob)).toEqual(['withheld']);
    expect(await codeOf(bob.client.send(say('Secret', talk)))).toBe('conversation_gap');
    world.tamper = undefined;
    await syncAll();
    expect(codes(bob)).toEqual([]);
    expect(await recipientsOfReply(setting)).toEqual(['alice', 'bob']);
    expect(await subjects(carol)).toEqual(['Plan']);
  });

  test('cannot hide one that somebody’s mail follows, and cannot take back one that was seen', async () => {
    await using setting = await setup();
    const { world, alice, bob, carol, talk } = setting;
    // A new device of Bob’s has nothing but what his home shows it.
    world.tamper = hiding(isRemoval, { mailbox: true });
    await alice.client.conversations.remove(talk, [carol.client.address]);
    await alice.client.send(say('After', talk));
    const late = world.newDevice(bob.created.profile);
    await using device = (await late).client;
    await device.sync({ signal: never });
    const { gaps } = await device.conversations.show(talk);
    expect(gaps).toHaveLength(1);
    await expect(device.send(say('Secret', talk))).rejects.toMatchObject({
      code: 'conversation_gap',
      details: { lacking: gaps },
    });
    world.tamper = undefined;
    await bob.client.sync({ signal: never });
    world.tamper = hiding(isRemoval, { mailbox: false });
    expect(await recipientsOfReply(setting)).toEqual(['alice', 'bob']);
    expect(await subjects(carol)).toEqual(['Plan']);
  });

  test('lets a person who knows decide: despite a gap, mail goes to who is known', async () => {
    await using setting = await setup();
    const { world, alice, bob, dave, talk, syncAll } = setting;
    world.tamper = hiding(isRemoval, { mailbox: true });
    await alice.client.conversations.add(talk, [dave.client.address], 'reader');
    await bob.client.sync({ signal: never });
    expect(await codeOf(bob.client.send(say('x', talk)))).toBe('conversation_gap');
    await bob.client.send({ ...say('All the same', talk), despiteGaps: true });
    world.tamper = undefined;
    await syncAll();
    expect(await subjects(alice)).toEqual(['Plan', 'All the same']);
    expect(await subjects(dave)).toEqual([]);
  });
});
