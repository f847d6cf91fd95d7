import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { BODY_BYTES_MAX, BodyState, From, type NodeMessage, ReceiptStatus } from '../../src/protocol/index.ts';
import { NodeWorld } from '../harness/node-world.ts';
import { createPerson, writePdu } from '../harness/person.ts';

function codeOf(message: NodeMessage): string {
  return message.oneofKind === 'refused' ? message.refused.code : message.oneofKind;
}

describe('a node refuses, with a typed answer and nothing changed,', () => {
  test('a wrong signature, a foreign author, a foreign device and a body that is not the one named', async () => {
    await using world = await NodeWorld.open();
    const [alice, bob] = [await world.person('alice'), await world.person('bob')];
    const client = await world.signIn(alice);
    const body = utf8('x');
    const length = world.core.feeds.current.length;
    const forged = writePdu(world.random, { ...alice, device: bob.device }, [bob.address], body);
    const foreign = writePdu(world.random, bob, [bob.address], body);
    const honest = writePdu(world.random, alice, [bob.address], body);
    const flipped = { ...honest, header: Uint8Array.from(honest.header) };
    const at = Buffer.from(flipped.header).indexOf('"signature":"') + 20;
    flipped.header[at] = flipped.header[at] === 65 ? 66 : 65;
    for (const [pdu, sent] of [
      [forged, body],
      [foreign, body],
      [flipped, body],
      [honest, utf8('y')],
    ] as const)
      expect((await client.submit(pdu, sent)).status).toBe(ReceiptStatus.REJECTED);
    expect(world.core.feeds.current.length).toBe(length);
  });

  test('recipients who are not here, by name', async () => {
    await using world = await NodeWorld.open();
    const alice = await world.person('alice');
    const client = await world.signIn(alice);
    const receipt = await client.submit(
      writePdu(world.random, alice, [alice.address, world.address('nobody')], utf8('x')),
      utf8('x'),
    );
    expect(receipt).toMatchObject({ status: ReceiptStatus.UNKNOWN_RECIPIENT, detail: 'nobody@home.example' });
  });

  test('a body over the limit, by its header alone', async () => {
    await using world = await NodeWorld.open();
    const alice = await world.person('alice');
    const client = await world.signIn(alice);
    const pdu = writePdu(world.random, alice, [alice.address], new Uint8Array(BODY_BYTES_MAX + 1));
    expect((await client.submit(pdu, undefined)).status).toBe(ReceiptStatus.TOO_LARGE);
    const largest = new Uint8Array(BODY_BYTES_MAX);
    const fits = writePdu(world.random, alice, [alice.address], largest);
    expect((await client.submit(fits, undefined)).status).toBe(ReceiptStatus.SEND_BODY);
    expect((await client.submit(fits, largest)).status).toBe(ReceiptStatus.OK);
  });

  test('what goes over the quota, and takes it again when something was erased', async () => {
    await using world = await NodeWorld.open();
    const alice = await world.person('alice');
    await world.core.operator.setQuota(alice.address, 1_000);
    const client = await world.signIn(alice);
    const body = new Uint8Array(600);
    const first = await client.submit(writePdu(world.random, alice, [alice.address], body), body);
    expect(first.status).toBe(ReceiptStatus.OK);
    expect((await client.submit(writePdu(world.random, alice, [alice.address], body), body)).status).toBe(
      ReceiptStatus.OVER_QUOTA,
    );
    await client.ask((request) => ({
      oneofKind: 'erase',
      erase: { request, feed: first.feed, numbers: [{ from: 1, to: 1 }], superseded: false },
    }));
    expect((await client.submit(writePdu(world.random, alice, [alice.address], body), body)).status).toBe(
      ReceiptStatus.OK,
    );
  });

  test('more than the rate, and says how long to wait', async () => {
    await using world = await NodeWorld.open({ limits: { submitsPerSecond: 1, submitBurst: 2 } });
    const alice = await world.person('alice');
    const client = await world.signIn(alice);
    const submit = () => client.submit(writePdu(world.random, alice, [alice.address], utf8('x')), utf8('x'));
    expect([(await submit()).status, (await submit()).status]).toEqual([ReceiptStatus.OK, ReceiptStatus.OK]);
    const limited = await submit();
    expect(limited.status).toBe(ReceiptStatus.RATE_LIMITED);
    await world.clock.advance(limited.retryAfterMs);
    expect((await submit()).status).toBe(ReceiptStatus.OK);
  });

  test('another account’s mailbox: numbers, bodies and heads are one’s own only', async () => {
    await using world = await NodeWorld.open();
    const [alice, bob] = [await world.person('alice'), await world.person('bob')];
    const sender = await world.signIn(alice);
    const receipt = await sender.submit(writePdu(world.random, alice, [bob.address], utf8('for bob')), utf8('for bob'));
    const body = await sender.ask((request) => ({
      oneofKind: 'fetch',
      fetch: { request, feed: receipt.feed, number: 1 },
    }));
    expect(body.oneofKind === 'body' && body.body.state).toBe(BodyState.NONE);
    const heads = await sender.ask((request) => ({ oneofKind: 'watch', watch: { request } }));
    expect(heads.oneofKind === 'complete' && heads.complete.heads[0]?.number).toBe(0);
  });

  test('everything but registration before authentication', async () => {
    await using world = await NodeWorld.open();
    await world.person('alice');
    const stranger = world.connect();
    const sync = await stranger.ask((request) => ({
      oneofKind: 'sync',
      sync: { request, feed: new Uint8Array(32), from: 1, to: 0, newestFirst: false, headersOnly: false },
    }));
    const chain = await stranger.ask((request) => ({
      oneofKind: 'getChain',
      getChain: { request, address: 'alice@home.example', after: 0 },
    }));
    const vault = await stranger.ask((request) => ({ oneofKind: 'getVault', getVault: { request } }));
    expect([codeOf(sync), codeOf(chain), codeOf(vault)]).toEqual(['auth_needed', 'auth_needed', 'auth_needed']);
  });

  test('a wrong key and an unknown address with one and the same answer', async () => {
    await using world = await NodeWorld.open();
    const alice = await world.person('alice');
    const stranger = createPerson(world.random, world.address('nobody'));
    const wrong = await world.connect().authenticate(world.random, alice.address, stranger.device);
    const unknown = await world.connect().authenticate(world.random, stranger.address, stranger.device);
    expect(wrong).toEqual(unknown);
    expect(codeOf(wrong)).toBe('auth_failed');
  });

  test('a new account without an invitation, with a used one, of another home, of a taken address', async () => {
    await using world = await NodeWorld.open({ registration: 'invite' });
    const client = world.connect();
    const alice = createPerson(world.random, world.address('alice'));
    const invite = await world.core.operator.invite();
    expect(codeOf(await client.register(alice))).toBe('invite_needed');
    expect(codeOf(await client.register(alice, 'wrong'))).toBe('invite_unknown');
    expect(codeOf(await client.register(alice, invite))).toBe('chain');
    // The same again after a lost answer is no second account and needs no second invitation.
    expect(codeOf(await client.register(alice, invite))).toBe('chain');
    const bob = createPerson(world.random, world.address('bob'));
    expect(codeOf(await client.register(bob, invite))).toBe('invite_unknown');
    const rival = createPerson(world.random, world.address('alice'));
    expect(codeOf(await client.register(rival, await world.core.operator.invite()))).toBe('address_taken');
    const elsewhere = createPerson(world.random, 'alice@other.example' as typeof alice.address);
    expect(codeOf(await client.register(elsewhere, invite))).toBe('wrong_home');
  });

  test('an unknown address asks for enrolment and gets what a known one could have got, always the same', async () => {
    await using world = await NodeWorld.open();
    await world.person('alice');
    const ask = async (address: string): Promise<string> => {
      const answer = await world.connect().ask((request) => ({
        oneofKind: 'getEnrolment',
        getEnrolment: { request, address, recovery: false },
      }));
      return answer.oneofKind === 'enrolment' ? Buffer.from(answer.enrolment.parameters).toString() : codeOf(answer);
    };
    const [known, unknown] = [await ask('alice@home.example'), await ask('nobody@home.example')];
    expect(Object.keys(JSON.parse(unknown))).toEqual(Object.keys(JSON.parse(known)));
    expect(await ask('nobody@home.example')).toBe(unknown);
    expect(await ask('other@home.example')).not.toBe(unknown);
  });

  test('a frame that is none, and closes', async () => {
    await using world = await NodeWorld.open();
    const client = world.connect();
    await client.serverInfo();
    await client.socket.send(Uint8Array.of(255, 255, 255));
    await client.ended();
    expect(client.unasked.map(codeOf)).toEqual(['malformed']);
  });

  test('a device that was revoked, also where it is connected', async () => {
    await using world = await NodeWorld.open();
    const alice = await world.person('alice');
    const client = await world.signIn(alice);
    await client.follow({ from: From.NOW });
    await world.core.operator.setBanned(alice.address, true);
    await client.ended();
    expect(client.unasked.map(codeOf)).toContain('banned');
    expect(codeOf(await world.connect().authenticate(world.random, alice.address, alice.device))).toBe('banned');
  });
});
