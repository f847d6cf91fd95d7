/**
 * An upgrade as UPGRADING.md has it, under load: a home of two nodes, a hub, and people who write all the while. Each process is
 * stopped in order and started again in turn; what a sender's outbox tries again goes out, nothing is refused for good, and
 * everybody has every mail.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SeededSecureRandom } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import { type Address, type Pdu, type PduId, parsePdu, ReceiptStatus } from '../../src/protocol/index.ts';
import { asPerson, freePort, PASSWORD } from '../harness/home-process.ts';
import { LiveFleet, until } from '../harness/live-fleet.ts';
import { LoneHub } from '../harness/lone-hub.ts';
import { createPerson, type Person, writePdu } from '../harness/person.ts';
import type { WireClient } from '../harness/wire-client.ts';

const suite = new SodiumSuite();
/** Between two mails of a sender: an upgrade of three programs takes some tens of seconds. */
const PAUSE_MS = 50;

/** Writes steadily; what has no answer, or is refused for now, is tried again, at the other node. */
class Sender {
  readonly sent = new Map<PduId, 'waiting' | 'taken'>();
  readonly refused: string[] = [];
  readonly #connect: (at: string) => Promise<WireClient>;
  readonly #person: Person;
  readonly #random: SeededSecureRandom;
  readonly #stop = new AbortController();
  #at = 'a';

  constructor(connect: (at: string) => Promise<WireClient>, person: Person, random: SeededSecureRandom) {
    this.#connect = connect;
    this.#person = person;
    this.#random = random;
  }

  stop(): void {
    this.#stop.abort();
  }

  async run(to: Address): Promise<void> {
    let client: WireClient | undefined;
    while (!this.#stop.signal.aborted) {
      const body = this.#random.bytes(1_000);
      const pdu = writePdu(this.#random, this.#person, [to], body);
      this.sent.set(pdu.id, 'waiting');
      while (!(await this.#handOver((client ??= await this.#open()), pdu, body))) client = undefined;
      this.sent.set(pdu.id, 'taken');
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    client?.close();
  }

  /** False: this node does not take it now. */
  async #handOver(client: WireClient, pdu: Pdu, body: Uint8Array): Promise<boolean> {
    const cut = (): undefined => undefined; // no answer: it is tried again
    const receipt = await Promise.race([client.submit(pdu, body).catch(cut), client.ended().then(cut, cut)]);
    if (receipt === undefined || receipt.status === ReceiptStatus.UNAVAILABLE) return false;
    const isTaken = receipt.status === ReceiptStatus.OK || receipt.status === ReceiptStatus.DUPLICATE;
    if (!isTaken) this.refused.push(`${ReceiptStatus[receipt.status]} ${receipt.detail}`);
    return true;
  }

  async #open(): Promise<WireClient> {
    for (;;) {
      this.#at = this.#at === 'a' ? 'b' : 'a';
      const client = await this.#connect(this.#at).catch(() => undefined); // it is being upgraded: the other one
      if (client === undefined) continue;
      const { address, device } = this.#person;
      const cut = (): undefined => undefined; // it was closed meanwhile
      const welcome = client.authenticate(this.#random, address, device);
      const answer = await Promise.race([welcome.catch(cut), client.ended().then(cut, cut)]);
      if (answer?.oneofKind === 'welcome') return client;
      client.close();
    }
  }
}

test('two nodes and a hub are upgraded in turn while people write: nothing is lost or refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'restante-upgrade-'));
  await using fleet = await LiveFleet.open(['a', 'b'], []);
  const random = new SeededSecureRandom(11);
  const profile = join(folder, 'bob');
  const bob = `bob@${fleet.home}`;
  const url = (at: string): string => `ws://127.0.0.1:${fleet.node(at).port}/client`;
  await asPerson(profile, 'account', 'new', bob, '--node', url('a'));
  const alice = createPerson(random, `alice@${fleet.home}` as Address);
  const first = await fleet.connect('a');
  expect((await first.register(alice)).oneofKind).toBe('chain');
  first.close();
  await fleet.settled();
  const hubPort = await freePort();
  let hub = await LoneHub.open(join(folder, 'hub'), hubPort, url('b'));
  try {
    expect((await hub.session(bob, PASSWORD.RESTANTE_PASSWORD)).status).toBe(200);
    const sender = new Sender((at) => fleet.connect(at), alice, random);
    const running = sender.run(alice.address);
    for (const at of ['b', 'a']) {
      await fleet.stop(at);
      await fleet.start(at);
      await fleet.settled();
    }
    await hub.stop();
    hub = await LoneHub.open(join(folder, 'hub'), hubPort, url('b'));
    await asPerson(profile, 'send', '--to', bob, '--subject', 'after the upgrade', '--body', 'still there?');
    expect((await hub.session(bob, PASSWORD.RESTANTE_PASSWORD)).status).toBe(200);
    await until('the mail by the hub', async () => (await hub.subjects(bob, PASSWORD.RESTANTE_PASSWORD)).length === 1);
    sender.stop();
    await running;
    expect(sender.refused).toEqual([]);
    expect([...sender.sent.values()].filter((state) => state !== 'taken')).toEqual([]);
    expect(sender.sent.size).toBeGreaterThan(20);
    await fleet.settled();
    for (const at of ['a', 'b']) {
      const reader = await fleet.connect(at);
      await reader.authenticate(random, alice.address, alice.device);
      await reader.follow();
      reader.close();
      // What was handed over at both stands in both feeds: a person's mail is the union, each PDU once.
      const ids = [...reader.entries.values()].flat().map(({ pdu }) => parsePdu(suite, pdu).id);
      expect(new Set(ids)).toEqual(new Set(sender.sent.keys()));
      expect((await fleet.operator(at, (operator) => operator.verify())).problems).toEqual([]);
    }
  } finally {
    await hub.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
