/** Accounts that change while the nodes of their home are cut off from each other: everybody ends with the same versions. */
import { expect, test } from 'vitest';
import { fromUtf8, toHex } from '../../src/base/index.ts';
import { VIEWS } from '../../src/node/view-keys.ts';
import { type AccountContent, accountContentJson, signDocument } from '../../src/protocol/index.ts';
import { verified } from '../harness/fleet-people.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import type { Person } from '../harness/person.ts';

/** A person changes their account by a device at a node; what the node says. */
async function change(
  world: FleetWorld,
  at: string,
  person: Person,
  changes: Partial<AccountContent>,
): Promise<string> {
  const current = await world.core(at).accounts.find(person.address);
  if (current === undefined) throw new Error(`${at} does not know ${person.address}`);
  const next = { ...current, version: current.version + 1, previous: current.signed.hash, ...changes };
  const document = signDocument(world.suite, accountContentJson(next), [person.identity]);
  const client = await world.signIn(person, at);
  const answer = await world.moving(
    client.ask((request) => ({
      oneofKind: 'appendChain',
      appendChain: { request, document, vault: new Uint8Array(0), invite: '' },
    })),
  );
  client.close();
  return answer.oneofKind === 'refused' ? answer.refused.code : answer.oneofKind;
}

/** Version and hash of an account as a node has it. */
async function standing(world: FleetWorld, at: string, { address }: Person): Promise<string> {
  const account = await world.core(at).accounts.find(address);
  return account === undefined ? 'none' : `${account.version} ${account.signed.hash}`;
}

/** The versions of an account that the log of the home's keys at a node names. */
async function logged(world: FleetWorld, at: string, { address }: Person): Promise<readonly number[]> {
  const { blocks } = await world.core(at).keyLog.page(0);
  const records = blocks.map((block) => JSON.parse(fromUtf8(block)) as { address?: string; version: number });
  return records.filter((record) => record.address === address).map(({ version }) => version);
}

test('keys and accounts that change at both sides of a cut end the same everywhere: one side signs, the other says that it cannot', async () => {
  await using world = await FleetWorld.open(['a', 'b', 'c']);
  const alice = await world.person('alice');
  await world.settled();
  world.cut('a', 'b');
  world.cut('a', 'c');
  expect(await change(world, 'b', alice, { retentionDays: 30 })).toBe('registrar_away');
  expect(await change(world, 'a', alice, { retentionDays: 7 })).toBe('chain');
  await expect(world.person('bob', 'b')).rejects.toThrow('registrar_away');
  const bob = await world.person('bob', 'a');
  await world.heal();
  for (const person of [alice, bob]) {
    const here = await standing(world, 'a', person);
    for (const at of ['b', 'c']) await world.until(async () => (await standing(world, at, person)) === here, at);
  }
  expect(await change(world, 'b', alice, { retentionDays: 30 })).toBe('chain');
  await verified(world, 'a', 'b', 'c');
});

test('what a registrar signed before it was replaced, and nobody had copied, counts when it comes, and is logged', async () => {
  await using world = await FleetWorld.open(['a', 'b']);
  const [alice, bob] = [await world.person('alice'), await world.person('bob')];
  await world.settled();
  world.cut('a', 'b');
  expect(await change(world, 'a', alice, { retentionDays: 7 })).toBe('chain');
  const late = await standing(world, 'a', alice);
  const { id: feed, length } = world.core('a').feeds.current;
  await world.stop('a');
  const before = world.core('b');
  await before.operator.fleetRemove('a');
  await world.reopened('b', before);
  await world.until(() => world.core('b').home.current?.registrar === 'b', 'b keeps the keys');
  expect(await logged(world, 'b', alice)).toEqual([1]);
  world.cuts.clear();
  await world.start('a');
  await world.until(() => world.core('b').fleet.copies.here(feed) >= length, 'b has what a wrote');
  expect(await standing(world, 'b', alice)).toBe(late);
  expect(await logged(world, 'b', alice)).toEqual([1, 2]);
  expect(await logged(world, 'b', bob)).toEqual([1]);
  expect(await change(world, 'b', alice, { retentionDays: 8 })).toBe('chain');
  expect(await logged(world, 'b', alice)).toEqual([1, 2, 3]);
});

test('two registrars, of which each thinks that it is the one, sign rival versions: both sides choose the same', async () => {
  await using world = await FleetWorld.open(['a', 'b', 'c']);
  const people = [await world.person('alice'), await world.person('bob'), await world.person('carol')];
  await world.settled();
  world.cut('a', 'b');
  world.cut('a', 'c');
  const [before, follower] = [world.core('b'), world.core('c')];
  const { publicKey } = world.core('a').folder.nodeKey;
  await world.until(() => !before.fleet.isLinkedTo(publicKey), 'b notices');
  await before.operator.fleetRemove('a');
  await world.reopened('b', before);
  await world.reopened('c', follower);
  await world.settled();
  expect(world.core('c').home.current?.registrar).toBe('b');
  for (const [i, person] of people.entries()) {
    expect(await change(world, 'a', person, { retentionDays: 10 + i })).toBe('chain');
    expect(await change(world, i === 1 ? 'c' : 'b', person, { retentionDays: 20 + i })).toBe('chain');
    if (i === 2) expect(await change(world, 'b', person, { retentionDays: 30 })).toBe('chain');
  }
  const { id: feed, length } = world.core('a').feeds.current;
  world.cuts.clear();
  for (const at of ['b', 'c'])
    await world.until(() => world.core(at).fleet.copies.here(feed) === length, `${at} has what a wrote`);
  for (const person of people) expect(await standing(world, 'c', person)).toBe(await standing(world, 'b', person));
  const rows = { ...VIEWS, limit: 100_000 };
  const [atB, atC] = await Promise.all(['b', 'c'].map((at) => world.storeOf(at).range(rows)));
  expect(atC?.map(({ key }) => toHex(key))).toEqual(atB?.map(({ key }) => toHex(key)));
  expect(atC).toEqual(atB);
  await verified(world, 'b', 'c');
});
