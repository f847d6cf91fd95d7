/**
 * Three nodes of a home, each a process, under a steady stream of mail with --durability 2, while they are killed (kill -9),
 * cut off from each other, find their disks full or lose them, are removed and added, and bodies are erased while one is
 * away. No mail with a receipt is lost; in the end every node shows the reader the same mail, its views are what its feeds say,
 * and a person's two devices are complete.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SeededPrng, SeededSecureRandom } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import type { SealedMail } from '../../src/client/compose/sealed-mail.ts';
import { type Address, type PduId, pduIdOf, type Receipt, ReceiptStatus } from '../../src/protocol/index.ts';
import { asPerson, PASSWORD, restante } from '../harness/home-process.ts';
import { runLength } from '../harness/length.ts';
import { LiveAuthor } from '../harness/live-author.ts';
import { LiveFleet, until } from '../harness/live-fleet.ts';
import { createPerson, type Person, writePdu } from '../harness/person.ts';

const ROUNDS = runLength(3, 50);
const SEED = 5;
/** How long nodes are cut off from each other once, on real clocks. */
const PARTITION_MS = runLength(2_000, 30_000);
const PAUSE_MS = 20;
const SENDERS = 3;

const suite = new SodiumSuite();

/** Submits at whichever node takes it, and knows of every mail whether it was acknowledged. */
class Sender {
  readonly acknowledged = new Set<PduId>();
  readonly #fleet: LiveFleet;
  readonly #author: LiveAuthor;
  readonly #random: SeededSecureRandom;
  readonly #prng: SeededPrng;
  readonly #open: SealedMail[] = [];
  isOver = false;

  constructor(fleet: LiveFleet, author: LiveAuthor, seed: number) {
    this.#fleet = fleet;
    this.#author = author;
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
        const mail = this.#open.shift() ?? (this.isOver ? undefined : await this.#write());
        if (mail === undefined) return;
        const isKept = await Promise.race([client.submit(mail.pdu, mail.body), ended])
          .then((receipt) => receipt?.status === ReceiptStatus.OK || receipt?.status === ReceiptStatus.DUPLICATE)
          .catch(() => false); // the connection ended while it was sent
        if (isKept) this.acknowledged.add(mail.pdu.id);
        else this.#open.push(mail);
        await pause(PAUSE_MS);
      }
    } finally {
      client.close();
    }
  }

  #write(): Promise<SealedMail> {
    return this.#author.write(this.#random, 200 + this.#prng.below(2_000));
  }
}

test(`${ROUNDS} rounds of kills, cuts, full and lost disks, removals and erasures lose nothing acknowledged`, async () => {
  await using fleet = await LiveFleet.open(['a', 'b', 'c'], ['--durability', '2'], { smallDisks: ['c'] });
  await using devices = await Devices.open(fleet);
  const random = new SeededSecureRandom(SEED);
  const reader = await signUp(fleet, random, 'reader');
  await fleet.settled();
  const author = await signUpAuthor(fleet, [reader.address, devices.address]);
  const senders = Array.from({ length: SENDERS }, (_, i) => new Sender(fleet, author, SEED + i));
  const acknowledged = (): PduId[] => senders.flatMap((sender) => [...sender.acknowledged]);
  const sending = Promise.all(senders.map((sender) => sender.run()));
  const prng = new SeededPrng(SEED);
  await until('the first mail', async () => acknowledged().length > 0);
  for (let round = 0; round < ROUNDS; round++) {
    const kind = ROUND_KINDS[round % ROUND_KINDS.length] as (typeof ROUND_KINDS)[number];
    await kind.run({ fleet, prng, random, reader });
    // Two disks at once are one more than --durability 2 is for.
    await fleet.settled();
    console.log(`round ${round + 1}, ${kind.name}: ${acknowledged().length} acknowledged`);
  }
  for (const sender of senders) sender.isOver = true;
  await sending;
  await fleet.settled();

  const lists = await Promise.all(fleet.running.map(({ name }) => readAll(fleet, random, reader, name)));
  const [first] = lists;
  for (const list of lists) expect(list).toEqual(first);
  const held = new Set(first);
  expect(acknowledged().length).toBeGreaterThan(ROUNDS);
  expect(acknowledged().filter((id) => !held.has(id))).toEqual([]);
  const sentences = await devices.complete(acknowledged());
  for (const { name } of fleet.running) {
    const { problems } = await fleet.operator(name, (operator) => operator.verify());
    expect(problems).toEqual([]);
  }
  console.log(
    `a fleet, seed ${SEED}: ${ROUNDS} rounds, ${acknowledged().length} acknowledged, ${held.size} held at each node; two devices: ${sentences.join(' ')}`,
  );
});

interface Round {
  readonly fleet: LiveFleet;
  readonly prng: SeededPrng;
  readonly random: SeededSecureRandom;
  readonly reader: Person;
}

/** What is done to a fleet; each leaves it with three nodes that run. The short form takes the first ones. */
const ROUND_KINDS: readonly { readonly name: string; readonly run: (round: Round) => Promise<void> }[] = [
  {
    name: 'bodies erased while a killed node is away',
    run: async ({ fleet, prng, random, reader }) => {
      const name = ['b', 'c'][prng.below(2)] as string;
      await pause(prng.below(500));
      await fleet.kill(name);
      await erase(fleet, random, reader, prng);
      await fleet.start(name);
    },
  },
  {
    name: 'a full disk',
    run: async ({ fleet, random, reader }) => {
      const { disk } = fleet.node('c');
      if (disk === undefined) return;
      disk.fill();
      const refusal = await refusalOf(fleet, random, reader, 'c');
      expect(refusal).toMatchObject({
        status: ReceiptStatus.UNAVAILABLE,
        detail: 'the disk of this node is nearly full',
      });
      expect((await readAll(fleet, random, reader, 'c')).length).toBeGreaterThan(0);
      disk.makeRoom();
    },
  },
  {
    name: 'a node added and removed',
    run: async ({ fleet, prng }) => {
      await fleet.add('d', 'a');
      await fleet.settled();
      await pause(prng.below(500));
      await fleet.remove('d', 'a');
    },
  },
  {
    name: 'a lost disk',
    run: async ({ fleet, prng }) => {
      const name = ['b', 'c'][prng.below(2)] as string;
      await fleet.wipe(name);
      await fleet.add(name, 'a');
    },
  },
  {
    name: 'all links cut',
    run: async ({ fleet }) => {
      for (const { proxy } of fleet.running) proxy.cut();
      await pause(PARTITION_MS);
      for (const { proxy } of fleet.running) proxy.mend();
    },
  },
  {
    name: 'a kill',
    run: async ({ fleet, prng }) => {
      const name = ['a', 'b', 'c'][prng.below(3)] as string;
      await pause(prng.below(500));
      await fleet.kill(name);
      await pause(prng.below(500));
      await fleet.start(name);
    },
  },
  {
    name: 'a node replaced',
    run: async ({ fleet, prng }) => {
      const name = ['b', 'c'][prng.below(2)] as string;
      await fleet.remove(name, 'a');
      await fleet.add(name, 'a');
    },
  },
];

/** The reader erases a few of the newest mails of one feed at a node that runs. */
async function erase(fleet: LiveFleet, random: SeededSecureRandom, reader: Person, prng: SeededPrng): Promise<void> {
  const client = await fleet.connect('a');
  await client.authenticate(random, reader.address, reader.device);
  const complete = await client.follow();
  if (complete.oneofKind !== 'complete') throw new Error(`not complete: ${complete.oneofKind}`);
  const heads = complete.complete.heads.filter(({ number }) => number > 0);
  const { feed, number } = heads[prng.below(heads.length)] as (typeof heads)[number];
  const numbers = [{ from: Math.max(1, number - 5), to: number }];
  const answer = await client.ask((request) => ({
    oneofKind: 'erase',
    erase: { request, feed, numbers, superseded: false },
  }));
  expect(answer.oneofKind).toBe('done');
  client.close();
}

/** Submits until it is refused: what the log has room for by chance is still taken. */
async function refusalOf(
  fleet: LiveFleet,
  random: SeededSecureRandom,
  author: Person,
  name: string,
): Promise<Receipt | undefined> {
  const client = await fleet.connect(name);
  await client.authenticate(random, author.address, author.device);
  try {
    for (let i = 0; i < 200; i++) {
      const body = random.bytes(100_000);
      const receipt = await client.submit(writePdu(random, author, [author.address], body), body);
      if (receipt.status !== ReceiptStatus.OK && receipt.status !== ReceiptStatus.PENDING) return receipt;
    }
    return undefined;
  } finally {
    client.close();
  }
}

/** One person with two devices, each a profile of the command line, in the end as its owner would look at it. */
class Devices implements AsyncDisposable {
  readonly address: Address;
  readonly #folder: string;
  readonly #fleet: LiveFleet;

  private constructor(address: Address, folder: string, fleet: LiveFleet) {
    this.address = address;
    this.#folder = folder;
    this.#fleet = fleet;
  }

  static async open(fleet: LiveFleet): Promise<Devices> {
    const folder = await mkdtemp(join(tmpdir(), 'restante-devices-'));
    const devices = new Devices(`person@${fleet.home}` as Address, folder, fleet);
    for (const command of ['new', 'add'])
      await asPerson(join(folder, command), 'account', command, devices.address, '--node', devices.#url);
    return devices;
  }

  /** Both have asked every node, and read each of these mails once; what they say of it. */
  async complete(ids: readonly PduId[]): Promise<readonly string[]> {
    const profiles = ['new', 'add'].map((name) => join(this.#folder, name));
    const sentences = await Promise.all(profiles.map((profile) => this.#complete(profile, ids)));
    expect(sentences[1]).toBe(sentences[0]);
    return sentences;
  }

  async #complete(profile: string, ids: readonly PduId[]): Promise<string> {
    const names = this.#fleet.running.map(({ name }) => name);
    // From the first it hears who the others are now.
    for (const name of names) {
      await asPerson(profile, 'nodes', 'pin', name);
      const { complete, pendingBodies = 0, report } = await asPerson<Synced>(profile, 'sync');
      expect(report.filter((feed) => feed.missing.length > 0 || feed.held !== feed.upTo)).toEqual([]);
      expect(pendingBodies).toBe(0);
      expect(complete).toBe(true);
    }
    const { stdout } = await restante(['--json', 'list', '--profile', profile], PASSWORD);
    const list = stdout.trimEnd().split('\n');
    const mails = list.map((line) => JSON.parse(line) as Listed);
    const isRead = ({ problem, subject, verified }: Listed): boolean =>
      verified && problem === undefined && subject.startsWith('mail ');
    expect(mails.filter((mail) => !isRead(mail))).toEqual([]);
    const there = new Set(mails.map(({ id }) => id));
    expect(there.size).toBe(mails.length);
    expect(ids.filter((id) => !there.has(id))).toEqual([]);
    const { stdout: said } = await restante(['report', '--profile', profile], PASSWORD);
    expect(said).toMatch(new RegExp(`Complete up to [\\d ]+ on ${names.length} of ${names.length} nodes\\.`));
    return (/Complete up to .*\./.exec(said) ?? [''])[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #url(): string {
    return `ws://127.0.0.1:${this.#fleet.node('a').proxy.port}/client`;
  }
}

interface Synced {
  readonly complete: boolean;
  readonly pendingBodies?: number;
  readonly report: readonly { readonly upTo: number; readonly held: number; readonly missing: readonly unknown[] }[];
}

interface Listed {
  readonly id: PduId;
  readonly subject: string;
  readonly verified: boolean;
  readonly problem?: string;
}

async function signUp(fleet: LiveFleet, random: SeededSecureRandom, name: string): Promise<Person> {
  const person = createPerson(random, `${name}@${fleet.home}` as Address);
  const client = await fleet.connect('b');
  expect((await client.register(person)).oneofKind).toBe('chain');
  client.close();
  return person;
}

async function signUpAuthor(fleet: LiveFleet, readers: readonly Address[]): Promise<LiveAuthor> {
  const client = await fleet.connect('a');
  const url = `ws://127.0.0.1:${fleet.node('a').port}/client`;
  const address = `author@${fleet.home}` as Address;
  const author = await LiveAuthor.open(url, address, PASSWORD.RESTANTE_PASSWORD, client, readers);
  client.close();
  return author;
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
