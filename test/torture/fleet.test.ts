/**
 * Three nodes of a home, each a process, under a steady stream of mail with --durability 2, while they are killed (kill -9),
 * cut off from each other, lose their disks, are removed and added. No mail with a receipt is lost; in the end every node
 * shows the reader the same mail, and its views are what its feeds say.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SeededPrng, SeededSecureRandom } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import { type Address, type Pdu, type PduId, pduIdOf, ReceiptStatus } from '../../src/protocol/index.ts';
import { runLength } from '../harness/length.ts';
import { LiveFleet } from '../harness/live-fleet.ts';
import { createPerson, type Person, writePdu } from '../harness/person.ts';

const ROUNDS = runLength(4, 50);
const SEED = 5;
/** How long nodes are cut off from each other once, on real clocks. */
const PARTITION_MS = runLength(2_000, 30_000);
const PAUSE_MS = 20;
const SENDERS = 3;

const suite = new SodiumSuite();

interface Mail {
  readonly pdu: Pdu;
  readonly body: Uint8Array;
}

/** Submits at whichever node takes it, and knows of every mail whether it was acknowledged. */
class Sender {
  readonly acknowledged = new Set<PduId>();
  readonly #fleet: LiveFleet;
  readonly #author: Person;
  readonly #to: Address;
  readonly #random: SeededSecureRandom;
  readonly #prng: SeededPrng;
  readonly #open: Mail[] = [];
  isOver = false;

  constructor(fleet: LiveFleet, author: Person, to: Address, seed: number) {
    this.#fleet = fleet;
    this.#author = author;
    this.#to = to;
    this.#random = new SeededSecureRandom(seed);
    this.#prng = new SeededPrng(seed);
  }

  async run(): Promise<void> {
    while (!this.isOver || this.#open.length > 0) {
      const names = this.#fleet.running.map(({ name }) => name);
      const name = names[this.#prng.below(Math.max(1, names.length))];
      // A node that is killed ends the connection: what had no receipt is submitted again, here or elsewhere.
      if (name !== undefined) await this.#sendAt(name).catch(() => undefined);
      await pause(PAUSE_MS);
    }
  }

  async #sendAt(name: string): Promise<void> {
    const client = await this.#fleet.connect(name);
    let isUp = true;
    const ended = client.ended().then(() => {
      isUp = false;
    });
    try {
      await Promise.race([client.authenticate(this.#random, this.#author.address, this.#author.device), ended]);
      for (let i = 0; isUp && i < 20; i++) {
        const mail = this.#open.shift() ?? (this.isOver ? undefined : this.#write());
        if (mail === undefined) return;
        const receipt = await Promise.race([client.submit(mail.pdu, mail.body), ended]);
        const isKept = receipt?.status === ReceiptStatus.OK || receipt?.status === ReceiptStatus.DUPLICATE;
        if (isKept) this.acknowledged.add(mail.pdu.id);
        else this.#open.push(mail);
        await pause(PAUSE_MS);
      }
    } finally {
      client.close();
    }
  }

  #write(): Mail {
    const body = this.#random.bytes(200 + this.#prng.below(2_000));
    return { pdu: writePdu(this.#random, this.#author, [this.#to], body), body };
  }
}

test(`${ROUNDS} rounds of kills, cuts, lost disks and removals of three nodes lose nothing acknowledged`, async () => {
  await using fleet = await LiveFleet.open(['a', 'b', 'c'], ['--durability', '2']);
  const random = new SeededSecureRandom(SEED);
  const [author, reader] = await Promise.all(['author', 'reader'].map((name) => signUp(fleet, random, name)));
  if (author === undefined || reader === undefined) throw new Error('two people');
  await fleet.settled();
  const senders = Array.from({ length: SENDERS }, (_, i) => new Sender(fleet, author, reader.address, SEED + i));
  const sending = Promise.all(senders.map((sender) => sender.run()));
  const prng = new SeededPrng(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    await ROUND_KINDS[round % ROUND_KINDS.length]?.(fleet, prng);
    // Two disks at once are one more than --durability 2 is for.
    await fleet.settled();
    console.log(
      `round ${round + 1}: ${senders.reduce((sum, sender) => sum + sender.acknowledged.size, 0)} acknowledged`,
    );
  }
  for (const sender of senders) sender.isOver = true;
  await sending;
  await fleet.settled();

  const lists = await Promise.all(fleet.running.map(({ name }) => readAll(fleet, random, reader, name)));
  const [first] = lists;
  for (const list of lists) expect(list).toEqual(first);
  const held = new Set(first);
  const acknowledged = senders.flatMap((sender) => [...sender.acknowledged]);
  expect(acknowledged.length).toBeGreaterThan(ROUNDS);
  expect(acknowledged.filter((id) => !held.has(id))).toEqual([]);
  for (const { name } of fleet.running) {
    const { problems } = await fleet.operator(name, (operator) => operator.verify());
    expect(problems).toEqual([]);
  }
  console.log(
    `a fleet, seed ${SEED}: ${ROUNDS} rounds, ${acknowledged.length} acknowledged, ${held.size} held at each node`,
  );
});

/** What is done to a fleet; each leaves it with three nodes that run. */
const ROUND_KINDS: readonly ((fleet: LiveFleet, prng: SeededPrng) => Promise<void>)[] = [
  async (fleet, prng) => {
    const name = ['a', 'b', 'c'][prng.below(3)] as string;
    await pause(prng.below(500));
    await fleet.kill(name);
    await pause(prng.below(500));
    await fleet.start(name);
  },
  async (fleet) => {
    for (const { proxy } of fleet.running) proxy.cut();
    await pause(PARTITION_MS);
    for (const { proxy } of fleet.running) proxy.mend();
  },
  async (fleet, prng) => {
    const name = ['b', 'c'][prng.below(2)] as string;
    await fleet.wipe(name);
    await fleet.add(name, 'a');
  },
  async (fleet, prng) => {
    const name = ['b', 'c'][prng.below(2)] as string;
    await fleet.remove(name, 'a');
    await fleet.add(name, 'a');
  },
];

async function signUp(fleet: LiveFleet, random: SeededSecureRandom, name: string): Promise<Person> {
  const person = createPerson(random, `${name}@${fleet.home}` as Address);
  const client = await fleet.connect('b');
  expect((await client.register(person)).oneofKind).toBe('chain');
  client.close();
  return person;
}

/** The reader's mail at a node, each PDU once, in the order of their ids. */
async function readAll(
  fleet: LiveFleet,
  random: SeededSecureRandom,
  reader: Person,
  name: string,
): Promise<readonly PduId[]> {
  const client = await fleet.connect(name);
  await client.authenticate(random, reader.address, reader.device);
  await client.follow();
  client.close();
  const ids = [...client.entries.values()].flat().map((entry) => pduIdOf(suite, entry.pdu));
  return [...new Set(ids)].sort();
}
