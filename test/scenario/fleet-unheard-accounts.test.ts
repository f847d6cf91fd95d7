/**
 * An account that a node has not heard of yet, because it was made a moment ago or while the node was cut off: nobody is
 * told that it does not exist. What does not exist is refused for good where that is certain.
 */
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { PEOPLE_REFRESH_MS } from '../../src/federation/pdu/limits.ts';
import { type Address, accountContentJson, deviceIdOf, ReceiptStatus, signDocument } from '../../src/protocol/index.ts';
import { never } from '../harness/client-world.ts';
import { FleetClients } from '../harness/fleet-client.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import { type Person, writePdu } from '../harness/person.ts';
import { TwoHomes } from '../harness/two-homes.ts';

/** Node a keeps the home's keys; alice is known everywhere. */
async function setup() {
  const fleet = await FleetWorld.open(['a', 'b']);
  const alice = await fleet.person('alice');
  await fleet.settled();
  return { fleet, alice };
}

/** What alice's node says to a mail for these. */
async function statusOf(fleet: FleetWorld, alice: Person, at: string, ...to: Address[]): Promise<ReceiptStatus> {
  const client = await fleet.signIn(alice, at);
  const body = utf8('to somebody');
  const receipt = await fleet.moving(client.submit(writePdu(fleet.random, alice, to, body), body));
  client.close();
  return receipt.status;
}

/** What a node says of the chain of an address after a version: how many documents, or why not. */
async function chainOf(fleet: FleetWorld, alice: Person, at: string, address: Address, after = 0) {
  const client = await fleet.signIn(alice, at);
  const answer = await fleet.moving(
    client.ask((request) => ({ oneofKind: 'getChain', getChain: { request, address, after } })),
  );
  client.close();
  if (answer.oneofKind === 'refused') return answer.refused.code;
  return answer.oneofKind === 'chain' ? answer.chain.documents.length : answer.oneofKind;
}

const admissionOf = (fleet: FleetWorld, at: string, address: Address): Promise<string> =>
  fleet.moving(fleet.core(at).doorway.admits(address, 1));

describe('at a node that is cut off from the registrar, an account that was made meanwhile', () => {
  test('is no unknown recipient at any door, and takes mail when the node has heard of it', async () => {
    const { fleet, alice } = await setup();
    await using _ = fleet;
    fleet.cut('a', 'b');
    const bob = await fleet.person('bob', 'a');
    expect(await statusOf(fleet, alice, 'b', bob.address)).toBe(ReceiptStatus.UNAVAILABLE);
    expect(await statusOf(fleet, alice, 'b', alice.address, bob.address)).toBe(ReceiptStatus.UNAVAILABLE);
    expect(await admissionOf(fleet, 'b', bob.address)).toBe('uncertain');
    expect(await chainOf(fleet, alice, 'b', bob.address)).toBe('home_unreachable');
    // Whoever is known gets mail as before.
    expect(await statusOf(fleet, alice, 'b', alice.address)).toBe(ReceiptStatus.OK);
    await fleet.heal();
    expect(await statusOf(fleet, alice, 'b', bob.address)).toBe(ReceiptStatus.OK);
    expect(await admissionOf(fleet, 'b', bob.address)).toBe('ok');
    expect(await chainOf(fleet, alice, 'b', bob.address)).toBe(1);
  });

  test('is no wrong address to a person who writes there: the mail is for later', async () => {
    await using fleet = await FleetWorld.open(['a', 'b']);
    const clients = new FleetClients(fleet);
    const carol = await clients.createAccount('carol', 'a');
    await fleet.settled();
    fleet.cut('a', 'b');
    const dave = await clients.createAccount('dave', 'a');
    clients.out.add('a');
    await using client = await clients.open(carol, 'b');
    await fleet.moving(client.connect(never));
    const draft = { to: [dave.created.profile.address], subject: 'Hello', text: 'Welcome.' };
    await expect(fleet.moving(client.send(draft))).rejects.toMatchObject({ code: 'home_unreachable', retry: 'later' });
    await fleet.heal();
    expect(await fleet.moving(client.send(draft))).toMatchObject({ status: 'accepted' });
    expect(client.alarms).toEqual([]);
  });

  test('is not told that its key is another, and is let in when the node has heard of it', async () => {
    const { fleet, alice } = await setup();
    await using _ = fleet;
    const codeOf = async (who: Person, at: string): Promise<string> => {
      const client = fleet.connect(at);
      const answer = await fleet.moving(client.authenticate(fleet.random, who.address, who.device));
      client.close();
      return answer.oneofKind === 'refused' ? answer.refused.code : answer.oneofKind;
    };
    const wrong = { ...alice, device: fleet.suite.keyPair(fleet.random.bytes(32)) };
    expect(await codeOf(wrong, 'b')).toBe('auth_failed');
    fleet.cut('a', 'b');
    const bob = await fleet.person('bob', 'a');
    // One answer for both, so that nobody learns who is there.
    expect([await codeOf(bob, 'b'), await codeOf(wrong, 'b')]).toEqual(['unavailable', 'unavailable']);
    expect(await codeOf(alice, 'b')).toBe('welcome');
    // Guessing is slowed all the same.
    const guesses = [];
    for (let i = 0; i < 20; i++) guesses.push(await codeOf(wrong, 'b'));
    expect(guesses.at(-1)).toBe('rate_limited');
    await fleet.heal();
    expect([await codeOf(bob, 'b'), await codeOf(bob, 'a')]).toEqual(['welcome', 'welcome']);
  });

  test('cannot be told from one that does not exist, which is refused for good when the registrar is there', async () => {
    const { fleet, alice } = await setup();
    await using _ = fleet;
    const nobody = fleet.address('nobody');
    const refusals = async (at: string) => [
      await statusOf(fleet, alice, at, nobody),
      await admissionOf(fleet, at, nobody),
      await chainOf(fleet, alice, at, nobody),
    ];
    for (const at of ['a', 'b'])
      expect(await refusals(at)).toEqual([ReceiptStatus.UNKNOWN_RECIPIENT, 'unknown_recipient', 0]);
    fleet.cut('a', 'b');
    expect(await refusals('b')).toEqual([ReceiptStatus.UNAVAILABLE, 'uncertain', 'home_unreachable']);
    expect(await refusals('a')).toEqual([ReceiptStatus.UNKNOWN_RECIPIENT, 'unknown_recipient', 0]);
  });
});

describe('at a node that has a link to the registrar and lags behind it', () => {
  test('mail waits for the account a moment, and comes', async () => {
    const { fleet, alice } = await setup();
    await using _ = fleet;
    const release = fleet.holdFeeds();
    const bob = await fleet.person('bob', 'a');
    expect(await fleet.core('b').accounts.find(bob.address)).toBeUndefined();
    const sent = statusOf(fleet, alice, 'b', bob.address);
    await release();
    expect(await sent).toBe(ReceiptStatus.OK);
  });

  test('mail is put off when the account does not come in time', async () => {
    const { fleet, alice } = await setup();
    await using _ = fleet;
    const release = fleet.holdFeeds();
    const bob = await fleet.person('bob', 'a');
    expect(await statusOf(fleet, alice, 'b', bob.address)).toBe(ReceiptStatus.UNAVAILABLE);
    expect(await admissionOf(fleet, 'b', bob.address)).toBe('uncertain');
    // What it knows for certain it says all the same.
    expect(await statusOf(fleet, alice, 'b', fleet.address('nobody'))).toBe(ReceiptStatus.UNKNOWN_RECIPIENT);
    await release();
  });

  test('whoever knows a later version of an account than the node is not told that there is none', async () => {
    const { fleet, alice } = await setup();
    await using _ = fleet;
    fleet.cut('a', 'b');
    expect(await chainOf(fleet, alice, 'b', alice.address, 1)).toBe(0);
    expect(await chainOf(fleet, alice, 'b', alice.address, 2)).toBe('home_unreachable');
  });

  test('a flood of names that nobody has is told to come again, and everybody who is known gets mail', async () => {
    const { fleet, alice } = await setup();
    await using _ = fleet;
    const guesses = Array.from({ length: 300 }, (_, i) => fleet.address(`guess${i}`));
    const { doorway } = fleet.core('b');
    const admissions = await fleet.moving(Promise.all(guesses.map((guess) => doorway.admits(guess, 1))));
    expect(new Set(admissions)).toEqual(new Set(['unknown_recipient', 'uncertain']));
    expect(await statusOf(fleet, alice, 'b', alice.address)).toBe(ReceiptStatus.OK);
  });
});

describe('a registrar that was started anew', () => {
  test('refuses nobody for good before another node has told it that it still keeps the keys', async () => {
    const { fleet, alice } = await setup();
    await using _ = fleet;
    fleet.cut('a', 'b');
    await fleet.stop('a');
    await fleet.start('a');
    expect(await statusOf(fleet, alice, 'a', fleet.address('nobody'))).toBe(ReceiptStatus.UNAVAILABLE);
    await fleet.heal();
    expect(await statusOf(fleet, alice, 'a', fleet.address('nobody'))).toBe(ReceiptStatus.UNKNOWN_RECIPIENT);
  });
});

describe('mail of another home', () => {
  test('to an account that the node has not heard of is put off, not refused, and arrives', async () => {
    await using homes = await TwoHomes.open(['a', 'b']);
    const { fleet, internet, other, bob } = homes;
    // It has been here before, and knows both nodes.
    const first = await homes.fromBob('to alice');
    await homes.untilAliceHas('b', [first]);
    fleet.cut('a', 'b');
    const carol = await fleet.person('carol', 'a');
    // The other home reaches the node alone that does not know her.
    const site = fleet.node('a').site;
    if (site === undefined) throw new Error('a node of two homes has a site');
    internet.cut(site);
    const client = await other.signIn(bob, 'x');
    const body = utf8('to carol');
    const pdu = writePdu(other.random, bob, [carol.address, homes.alice.address], body);
    expect((await other.moving(client.submit(pdu, body))).status).toBe(ReceiptStatus.OK);
    client.close();
    await homes.untilPutOff();
    expect(await homes.ofAlice('b')).toEqual([first]);
    await fleet.heal();
    const reader = await fleet.signIn(carol, 'b');
    await homes.until(async () => {
      await fleet.moving(reader.follow());
      return [...reader.entries.values()].flat().length > 0;
    }, 'the mail to carol');
    reader.close();
    await homes.untilAliceHas('b', [pdu.id]);
  });

  test('by a device that its author has had for seconds is put off, not refused, and arrives', async () => {
    await using homes = await TwoHomes.open(['a', 'b']);
    const { bob, fleet, other } = homes;
    // Bob's chain is asked for now, and not again within a minute.
    const first = await homes.fromBob('by the first device');
    await homes.untilAliceHas('a', [first]);
    const device = other.suite.keyPair(other.random.bytes(32));
    const second = { id: deviceIdOf(other.suite, device.publicKey), key: device.publicKey, name: 'second', addedAt: 2 };
    const known = await other.core('x').accounts.find(bob.address);
    if (known === undefined) throw new Error('bob has an account');
    const next = { ...known, version: 2, previous: known.signed.hash, devices: [...known.devices, second] };
    const document = signDocument(other.suite, accountContentJson(next), [bob.identity]);
    const client = await other.signIn(bob, 'x');
    const added = await other.moving(
      client.ask((request) => ({
        oneofKind: 'appendChain',
        appendChain: { request, document, vault: new Uint8Array(0), invite: '' },
      })),
    );
    expect(added.oneofKind).toBe('chain');
    client.close();
    const later = await other.signIn({ ...bob, device }, 'x');
    const body = utf8('by the second device');
    const pdu = writePdu(other.random, { ...bob, device }, [homes.alice.address], body);
    expect((await other.moving(later.submit(pdu, body))).status).toBe(ReceiptStatus.OK);
    later.close();
    await homes.untilPutOff();
    await fleet.pass(2 * PEOPLE_REFRESH_MS);
    await homes.untilAliceHas('a', [first, pdu.id]);
  });
});
