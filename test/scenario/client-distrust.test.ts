import { describe, expect, test } from 'vitest';
import type { AlarmCode, Client } from '../../src/client/index.ts';
import { ASKED_IN_VAIN_MS } from '../../src/client/limits.ts';
import {
  accountContentJson,
  countersignDocument,
  type Entry,
  feedIdOf,
  headBytes,
  linkOf,
  type MailboxHead,
  type NodeMessage,
  pduIdOf,
  signDocument,
} from '../../src/protocol/index.ts';
import { all, ClientWorld, never, type Tamper } from '../harness/client-world.ts';

function codes(client: Client): AlarmCode[] {
  return client.alarms.map(({ code }) => code).sort();
}

/** Changes entries on their way; an entry for which `change` returns nothing is left out. */
function changingEntries(change: (entry: Entry) => Entry | undefined): Tamper {
  return (message) => {
    if (message.oneofKind !== 'entries') return message;
    const entries = message.entries.entries.map(change).filter((entry) => entry !== undefined);
    return { oneofKind: 'entries', entries: { ...message.entries, entries } };
  };
}

function changingHeads(change: (head: MailboxHead) => MailboxHead): Tamper {
  return (message): NodeMessage => {
    if (message.oneofKind === 'complete')
      return { oneofKind: 'complete', complete: { ...message.complete, heads: message.complete.heads.map(change) } };
    if (message.oneofKind === 'head')
      return { oneofKind: 'head', head: { ...message.head, heads: message.head.heads.map(change) } };
    return message;
  };
}

/** Bob with five messages from Alice that he has not seen, and a wire to him that can be changed. */
async function setup() {
  const world = await ClientWorld.open();
  const alice = await world.newPerson('alice');
  const bob = await world.newPerson('bob');
  await alice.client.connect(never);
  for (const subject of ['1', '2', '3', '4', '5']) {
    await alice.client.send({ to: [bob.client.address], subject, text: `text ${subject}` });
    await world.node.clock.advance(1);
  }
  return {
    world,
    alice,
    bob,
    async [Symbol.asyncDispose]() {
      world.tamper = undefined;
      await alice.client[Symbol.asyncDispose]();
      await bob.client[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

async function subjects(client: Client): Promise<string[]> {
  return (await all(client.mail.list())).map(({ subject }) => subject).sort();
}

describe('a node that cheats is seen', () => {
  test('withholding an entry: the others come, the hole is named and filled when it is served after all', async () => {
    await using setting = await setup();
    const { world, bob } = setting;
    world.tamper = changingEntries((entry) => (entry.number === 3 ? undefined : entry));
    const result = await bob.client.sync({ signal: never });
    expect(result).toMatchObject({ complete: false, missing: 1 });
    expect(result.report.report[0]?.missing).toEqual([[3, 3]]);
    expect(codes(bob.client)).toEqual(['withheld']);
    expect(await subjects(bob.client)).toEqual(['1', '2', '4', '5']);
    world.tamper = undefined;
    expect(await bob.client.sync({ signal: never })).toMatchObject({ complete: true, missing: 0, filled: 1 });
    expect(codes(bob.client)).toEqual([]);
  });

  test('renumbering', async () => {
    await using setting = await setup();
    const { world, bob } = setting;
    world.tamper = changingEntries((entry) => (entry.number === 2 ? { ...entry, index: entry.index + 2 } : entry));
    await bob.client.sync({ signal: never });
    expect(codes(bob.client)).toContain('renumbered');
    expect(await subjects(bob.client)).not.toContain('2');
  });

  test('serving a wrong body', async () => {
    await using setting = await setup();
    const { world, bob } = setting;
    world.tamper = (message) => {
      if (message.oneofKind === 'body') return { oneofKind: 'body', body: { ...message.body, body: Uint8Array.of(1) } };
      return changingEntries((entry) => (entry.number === 4 ? { ...entry, body: Uint8Array.of(1, 2, 3) } : entry))(
        message,
      );
    };
    expect(await bob.client.sync({ signal: never })).toMatchObject({ complete: false });
    expect(codes(bob.client)).toEqual(['wrong_body']);
    expect(await subjects(bob.client)).toEqual(['1', '2', '3', '5']);
    world.tamper = undefined;
    expect(await bob.client.sync({ signal: never })).toMatchObject({ complete: true });
    expect(await subjects(bob.client)).toEqual(['1', '2', '3', '4', '5']);
  });

  test('changing a mail and numbering it rightly: its author did not sign it', async () => {
    await using setting = await setup();
    const { world, bob } = setting;
    const { nodeKey } = world.node.core.folder;
    const { suite } = world.node;
    let last: Entry | undefined;
    world.tamper = changingEntries((entry) => {
      last = entry.number === 5 ? entry : last;
      return entry;
    });
    await using witness = (await world.newDevice(bob.created.profile)).client;
    await witness.sync({ signal: never });
    const [true5, text] = [last as Entry, Buffer.from((last as Entry).pdu).toString()];
    const pdu = Buffer.from(text.replace(/"time":\d/, '"time":2'));
    const link = linkOf(suite, true5.previousLink, { ...true5, pduId: pduIdOf(suite, pdu) });
    const forge = changingEntries((entry) => (entry.number === 5 ? { ...entry, pdu } : entry));
    const sign = changingHeads((head) => {
      const signed = { ...head, feed: feedIdOf(head.feed), link };
      return { ...head, link, signature: suite.sign(headBytes(bob.client.address, signed), nodeKey.secretKey) };
    });
    world.tamper = (message) => sign(forge(message) as NodeMessage);
    await bob.client.sync({ signal: never });
    expect(codes(bob.client)).toEqual(['bad_signature']);
    expect(await subjects(bob.client)).toEqual(['1', '2', '3', '4']);
    expect((await bob.client.report()).unverified).toBe(1);
  });

  test('hiding the device that signed: its mail is kept aside until the author’s chain is shown whole', async () => {
    await using setting = await setup();
    const { world, alice, bob } = setting;
    await using other = (await world.newDevice(alice.created.profile)).client;
    await other.sync({ signal: never });
    await other.send({ to: [bob.client.address], subject: '6', text: 'x' });
    world.tamper = (message) => {
      if (message.oneofKind !== 'chain') return message;
      const isHidden = (document: Uint8Array): boolean => /alice@.*"version":2/s.test(Buffer.from(document).toString());
      const documents = message.chain.documents.filter((document) => !isHidden(document));
      return { oneofKind: 'chain', chain: { ...message.chain, documents } };
    };
    await bob.client.sync({ signal: never });
    // The log of the home's keys tells that there is a version which is not shown.
    expect(codes(bob.client)).toEqual(['chain_rolled_back', 'unknown_device']);
    expect(await subjects(bob.client)).toEqual(['1', '2', '3', '4', '5']);
    expect((await bob.client.report()).unverified).toBe(1);
    world.tamper = undefined;
    await world.reconnect(bob.client);
    await bob.client.sync({ signal: never });
    expect(await subjects(bob.client)).toEqual(['1', '2', '3', '4', '5', '6']);
    expect((await bob.client.report()).unverified).toBe(0);
  });

  test('hiding a device does not have the node asked for it again with each mail', async () => {
    await using setting = await setup();
    const { world, alice, bob } = setting;
    await using other = (await world.newDevice(alice.created.profile)).client;
    await other.sync({ signal: never });
    await other.send({ to: [bob.client.address], subject: '6', text: 'x' });
    let looks = 0;
    world.tamper = (message) => {
      if (message.oneofKind !== 'chain') return message;
      const isHidden = (document: Uint8Array): boolean => /alice@.*"version":2/s.test(Buffer.from(document).toString());
      const documents = message.chain.documents.filter((document) => !isHidden(document));
      if (documents.length < message.chain.documents.length) looks += 1;
      return { oneofKind: 'chain', chain: { ...message.chain, documents } };
    };
    await bob.client.sync({ signal: never });
    // Her devices hear of the new one and look, too; none of them is told when.
    for (let before = -1; before < looks; await bob.client.sync({ signal: never })) before = looks;
    const atFirst = looks;
    for (const subject of ['7', '8']) {
      await other.send({ to: [bob.client.address], subject, text: 'x' });
      await bob.client.sync({ signal: never });
    }
    expect((await bob.client.report()).unverified).toBe(3);
    expect(looks).toBe(atFirst);
    await world.node.clock.advance(ASKED_IN_VAIN_MS);
    await other.send({ to: [bob.client.address], subject: '9', text: 'x' });
    await bob.client.sync({ signal: never });
    expect((await bob.client.report()).unverified).toBe(4);
    expect(looks).toBeGreaterThan(atFirst);
  });

  test('showing two heads', async () => {
    await using setting = await setup();
    const { world, bob } = setting;
    await bob.client.sync({ signal: never });
    // The node's own key signs another history of as many entries.
    const { nodeKey } = world.node.core.folder;
    world.tamper = changingHeads((head) => {
      const link = head.link.map((byte) => byte ^ 1);
      const signed = { ...head, feed: feedIdOf(head.feed), link };
      const signature = world.node.suite.sign(headBytes(bob.client.address, signed), nodeKey.secretKey);
      return { ...head, link, signature };
    });
    await bob.client.sync({ signal: never });
    expect(codes(bob.client)).toContain('two_heads');
  });

  test('showing a head that it did not sign', async () => {
    await using setting = await setup();
    const { world, bob } = setting;
    world.tamper = changingHeads((head) => ({ ...head, number: head.number + 1 }));
    await bob.client.sync({ signal: never });
    expect(codes(bob.client)).toEqual(['bad_head']);
  });

  test('rolling back', async () => {
    await using setting = await setup();
    const { world, bob } = setting;
    const shown: MailboxHead[] = [];
    world.tamper = changingHeads((head) => {
      shown.push(head);
      return head;
    });
    await bob.client.sync({ signal: never });
    const [old] = shown;
    await setting.alice.client.send({ to: [bob.client.address], subject: '6', text: 'x' });
    world.tamper = undefined;
    await bob.client.sync({ signal: never });
    expect(codes(bob.client)).toEqual([]);
    world.tamper = changingHeads(() => old as MailboxHead);
    await bob.client.sync({ signal: never });
    expect(codes(bob.client)).toEqual(['rolled_back']);
    expect(await subjects(bob.client)).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  test('handing out a rolled-back chain, a forked one, or somebody else’s: nothing is encrypted to it', async () => {
    await using setting = await setup();
    const { world, alice, bob } = setting;
    const a = alice.client;
    const { address } = bob.client;
    const chain = (documents: (served: readonly Uint8Array[]) => Uint8Array[]): Tamper => {
      return (message) =>
        message.oneofKind === 'chain'
          ? { oneofKind: 'chain', chain: { ...message.chain, documents: documents(message.chain.documents) } }
          : message;
    };
    const eve = await world.newPerson('eve');
    await using e = eve.client;
    await e.connect(never);
    world.tamper = chain(() => []);
    await expect(a.people.lookUp(address)).resolves.toMatchObject({ alarm: 'chain_rolled_back' });
    await expect(a.send({ to: [address], text: 'secret' })).rejects.toMatchObject({ code: 'standing_alarm' });
    world.tamper = undefined;
    await expect(a.people.lookUp(address)).resolves.toMatchObject({ alarm: undefined });
    // Another version 1, rightly signed by another identity, countersigned by the home itself.
    const account = await world.node.core.accounts.find(address);
    if (account === undefined) throw new Error('bob has an account');
    const { identity } = eve.created.profile.secrets;
    const content = {
      ...account,
      identity: identity.publicKey,
      certificates: [eve.created.profile.secrets.certificate],
    };
    const forged = countersignDocument(
      world.node.suite,
      signDocument(world.node.suite, accountContentJson(content), [identity]),
      world.node.core.folder.homeKey,
    );
    world.tamper = chain((served) => (served.length > 0 ? [forged] : []));
    await expect(a.people.lookUp(address)).resolves.toMatchObject({ alarm: 'chain_forked' });
    await expect(a.send({ to: [address], text: 'secret' })).rejects.toMatchObject({ code: 'standing_alarm' });
    // To somebody who never saw Bob, the certificate gives the forgery away: it is not for his address.
    world.tamper = undefined;
    const carol = await world.newPerson('carol');
    await using c = carol.client;
    await c.connect(never);
    world.tamper = chain((served) => (served.length > 0 ? [forged] : []));
    await expect(c.send({ to: [address], text: 'secret' })).rejects.toMatchObject({ code: 'standing_alarm' });
    expect(codes(c)).toContain('certificate_unconfirmed');
  });
});
