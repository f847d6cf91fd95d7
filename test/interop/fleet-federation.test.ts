/** A home of three processes and another home: a node is killed with its queue and its disk, and no mail is lost or doubled. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SeededSecureRandom, toHex } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import { type Address, FRAME_BYTES_MAX, type PduId, parsePdu, ReceiptStatus } from '../../src/protocol/index.ts';
import { freePort, HomeProcess } from '../harness/home-process.ts';
import { LiveFleet, until } from '../harness/live-fleet.ts';
import { createPerson, type Person, writePdu } from '../harness/person.ts';
import { WireClient } from '../harness/wire-client.ts';

const suite = new SodiumSuite();
const dialer = new WsDialer(
  { clock: new SystemClock(), resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 5_000, allowPrivate: true },
);

async function setup() {
  const fleet = await LiveFleet.open(['a', 'b', 'c'], []);
  const folder = await mkdtemp(join(tmpdir(), 'restante-other-home-'));
  const port = await freePort();
  let other = await HomeProcess.open(folder, port);
  const random = new SeededSecureRandom(3);
  const atOther = async (): Promise<WireClient> =>
    new WireClient(await dialer.dial(other.url, new AbortController().signal));
  const signUp = async (client: WireClient, address: string): Promise<Person> => {
    const person = createPerson(random, address as Address);
    expect((await client.register(person)).oneofKind).toBe('chain');
    client.close();
    return person;
  };
  const alice = await signUp(await fleet.connect('b'), `alice@${fleet.home}`);
  const bob = await signUp(await atOther(), `bob@${other.home}`);
  await fleet.settled();
  return {
    fleet,
    ...{ alice, bob, atOther },
    kill: () => other.kill(),
    async restart(): Promise<void> {
      other = await HomeProcess.open(folder, port);
    },
    /** To both, so that each has what there is to have. */
    async write(connect: Promise<WireClient>, author: Person, count: number): Promise<readonly PduId[]> {
      const client = await connect;
      await client.authenticate(random, author.address, author.device);
      const ids: PduId[] = [];
      for (let i = 0; i < count; i++) {
        const body = random.bytes(1_000);
        const pdu = writePdu(random, author, [alice.address, bob.address], body);
        expect((await client.submit(pdu, body)).status).toBe(ReceiptStatus.OK);
        ids.push(pdu.id);
      }
      client.close();
      return ids;
    },
    /** Until the reader has these, whole, each once, and nothing else. */
    async untilRead(connect: () => Promise<WireClient>, reader: Person, ids: readonly PduId[]): Promise<void> {
      await until(`${ids.length} mails of ${reader.address}`, async () => {
        const client = await connect();
        await client.authenticate(random, reader.address, reader.device);
        await client.follow();
        client.close();
        const whole = [...client.entries.values()].flat().flatMap(({ body, pdu }) => {
          const { body: named, id } = parsePdu(suite, pdu);
          return toHex(suite.sha256(body)) === named.sha256 ? [id] : [];
        });
        expect(whole.filter((id) => !ids.includes(id))).toEqual([]);
        return new Set(whole).size === ids.length;
      });
    },
    async [Symbol.asyncDispose]() {
      await fleet[Symbol.asyncDispose]();
      await other.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

test('a node is killed with its queue and its disk, then the one that the home is named after: nothing is lost or doubled', async () => {
  await using world = await setup();
  const { alice, atOther, bob, fleet } = world;
  const sent = [...(await world.write(fleet.connect('c'), alice, 5))];
  await world.untilRead(atOther, bob, sent);
  await world.kill();
  sent.push(...(await world.write(fleet.connect('c'), alice, 20)));
  await fleet.settled();
  await fleet.remove('c', 'a');
  await world.restart();
  await world.untilRead(atOther, bob, sent);

  sent.push(...(await world.write(atOther(), bob, 5)));
  for (const at of ['a', 'b']) await world.untilRead(() => fleet.connect(at), alice, sent);
  // The other home finds this one by its name only where a was.
  await fleet.kill('a');
  sent.push(...(await world.write(atOther(), bob, 5)), ...(await world.write(fleet.connect('b'), alice, 5)));
  await world.untilRead(() => fleet.connect('b'), alice, sent);
  await world.untilRead(atOther, bob, sent);
  await fleet.start('a');
  await fleet.settled();
  for (const at of ['a', 'b']) await world.untilRead(() => fleet.connect(at), alice, sent);
  for (const at of ['a', 'b']) {
    const { problems } = await fleet.operator(at, (operator) => operator.verify());
    expect(problems).toEqual([]);
  }
});
