/** A person joins a conversation of another home, where nobody of their own has a part in it yet. */
import { describe, expect, test } from 'vitest';
import type { Client } from '../../src/client/index.ts';
import { type Address, type ConversationId, type HomeName, parseHomeName } from '../../src/protocol/index.ts';
import { all, never } from '../harness/client-world.ts';
import { FleetClients } from '../harness/fleet-client.ts';
import { TwoHomes } from '../harness/two-homes.ts';

const NOTHING = { to: [], cc: [], bcc: [], subject: '', text: '', attachments: [] };

/** Alice of one home, and Bob and Ben of another, each with a client; Bob and Ben talk. */
async function setup() {
  const homes = await TwoHomes.open(['a']);
  const [near, far] = [new FleetClients(homes.fleet), new FleetClients(homes.other)];
  const clients: Client[] = [];
  const person = async (at: FleetClients, name: string, node: string): Promise<Client> => {
    const client = await at.open(await at.createAccount(name, node), node);
    clients.push(client);
    await homes.fleet.moving(client.connect(never));
    return client;
  };
  const dora = await person(near, 'dora', 'a');
  const bert = await person(far, 'bert', 'x');
  const ben = await person(far, 'ben', 'x');
  const there = bert.address.split('@')[1] as HomeName;
  const moving = <Result>(work: Promise<Result>): Promise<Result> => homes.fleet.moving(work);
  const founded = await moving(bert.send({ ...NOTHING, to: [ben.address], subject: 'Plan', text: 'between us' }));
  const talk: ConversationId = founded.conversation;
  return {
    homes,
    moving,
    dora,
    bert,
    ben,
    there,
    talk,
    codeOf: (work: Promise<unknown>): Promise<string> =>
      moving(
        work.then(
          () => 'no error',
          (error: { readonly code: string }) => error.code,
        ),
      ),
    rolesAt: async (client: Client): Promise<ReadonlyMap<Address, string>> => {
      await moving(client.sync({ signal: never }));
      const { members } = await moving(client.conversations.show(talk));
      return new Map(members.map(({ address, role }) => [address, role]));
    },
    subjectsAt: async (client: Client): Promise<readonly string[]> => {
      await moving(client.sync({ signal: never }));
      return (await all(client.mail.list({ conversation: talk }))).map(({ subject }) => subject).reverse();
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client[Symbol.asyncDispose]();
      await homes[Symbol.asyncDispose]();
    },
  };
}

describe('a conversation of another home', () => {
  test('that is open takes in somebody of a home where it is not known, and both homes hold the same of it', async () => {
    await using setting = await setup();
    const { ben, bert, dora, homes, moving, rolesAt, subjectsAt, talk, there } = setting;
    await moving(bert.conversations.setJoinRule(talk, { open: 'member' }));
    const joined = await moving(dora.conversations.join(talk, { at: there }));
    expect(joined).toMatchObject({ status: 'accepted' });
    await homes.until(async () => (await rolesAt(bert)).has(dora.address), 'dora is in it at bert’s home');
    const everybody = new Map([
      [bert.address, 'owner'],
      [ben.address, 'member'],
      [dora.address, 'member'],
    ]);
    expect(await rolesAt(bert)).toEqual(everybody);
    // Her home has fetched what her joining follows, and shows it to her.
    await homes.until(async () => {
      const held = homes.fleet.core('a').conversations;
      return (await held.get(talk)).missing.length === 0;
    }, 'dora’s home holds what it follows');
    expect(await rolesAt(dora)).toEqual(everybody);
    // What was said before was not said to her; what is said from now on is, and she answers.
    await moving(ben.send({ ...NOTHING, conversation: talk, subject: 'Welcome', text: 'to you' }));
    await homes.until(async () => (await subjectsAt(dora)).length === 1, 'dora is written to');
    await moving(dora.send({ ...NOTHING, conversation: talk, subject: 'Thanks', text: 'to both' }));
    await homes.until(async () => (await subjectsAt(ben)).length === 3, 'ben is written to');
    expect(await subjectsAt(dora)).toEqual(['Welcome', 'Thanks']);
    expect(await subjectsAt(ben)).toEqual(['Plan', 'Welcome', 'Thanks']);
  });

  test('that is not open, or not there, is shown to nobody, and a home that does not answer is told apart', async () => {
    await using setting = await setup();
    const { codeOf, dora, talk, there } = setting;
    const elsewhere = 'ab'.repeat(16) as ConversationId;
    expect(await codeOf(dora.conversations.join(talk, { at: there }))).toBe('unknown_conversation');
    expect(await codeOf(dora.conversations.join(elsewhere, { at: there }))).toBe('unknown_conversation');
    const nowhere = parseHomeName('nowhere.example');
    expect(await codeOf(dora.conversations.join(talk, { at: nowhere }))).toMatch(/^(unknown_home|home_unreachable)$/);
    expect(await codeOf(dora.conversations.show(talk))).toBe('unknown_conversation');
  });
});
