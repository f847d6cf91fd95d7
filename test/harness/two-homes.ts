/** A home of several nodes and another home, with a person each, on one clock: what they write to each other, and what came. */
import { ManualClock, toHex, utf8 } from '../../src/base/index.ts';
import { readProgress } from '../../src/federation/index.ts';
import { BodyState, type PduId, parsePdu, ReceiptStatus } from '../../src/protocol/index.ts';
import { type FleetOptions, FleetWorld } from './fleet-world.ts';
import { Internet } from './internet.ts';
import { NOON } from './node-world.ts';
import { type Person, writePdu } from './person.ts';

/** Of waits in which back-offs go by: a request between homes takes a step or two. */
const STEP_MS = 200;

export class TwoHomes implements AsyncDisposable {
  readonly internet: Internet;
  /** Nodes a, b … */
  readonly fleet: FleetWorld;
  /** Node x. */
  readonly other: FleetWorld;
  /** Of the fleet. */
  readonly alice: Person;
  /** Of the other home. */
  readonly bob: Person;

  private constructor(internet: Internet, fleet: FleetWorld, other: FleetWorld, alice: Person, bob: Person) {
    this.internet = internet;
    this.fleet = fleet;
    this.other = other;
    this.alice = alice;
    this.bob = bob;
  }

  static async open(
    names: readonly string[],
    options: Omit<FleetOptions, 'clock' | 'internet'> = {},
  ): Promise<TwoHomes> {
    const clock = new ManualClock(NOON);
    const internet = new Internet(clock);
    const fleet = await FleetWorld.open(names, { ...options, clock, internet });
    const other = await FleetWorld.open(['x'], { clock, internet, seed: 8 });
    return new TwoHomes(internet, fleet, other, await fleet.person('alice'), await other.person('bob', 'x'));
  }

  /** Alice writes to Bob at a node of her home. Without a copy of hers nobody of her home holds the body. */
  async fromAlice(
    at: string,
    text: string,
    { isKept }: { readonly isKept: boolean } = { isKept: true },
  ): Promise<PduId> {
    const to = isKept ? [this.alice.address, this.bob.address] : [this.bob.address];
    return this.#write(this.fleet, at, this.alice, to, text);
  }

  async fromBob(text: string, status = ReceiptStatus.OK): Promise<PduId> {
    return this.#write(this.other, 'x', this.bob, [this.bob.address, this.alice.address], text, status);
  }

  /** What Bob has, in the order of his mailbox. */
  ofBob(): Promise<readonly PduId[]> {
    return this.#mailbox(this.other, 'x', this.bob);
  }

  /** What Alice finds at a node, with its body: each once for each feed that holds it. */
  ofAlice(at: string): Promise<readonly PduId[]> {
    return this.#mailbox(this.fleet, at, this.alice);
  }

  /** Until Bob has these, in any order, and nothing else. */
  async untilBobHas(ids: readonly PduId[]): Promise<void> {
    const all = [...ids].sort().join();
    let found = '';
    await this.fleet
      .until(
        async () => {
          found = [...(await this.ofBob())].sort().join();
          return found === all;
        },
        'what Bob is to have',
        STEP_MS,
      )
      .catch((error: unknown) => {
        throw new Error(`Bob has ${found} instead of ${all}`, { cause: error });
      });
  }

  /** One item from the other home is answered "later". */
  untilPutOff(): Promise<void> {
    return this.until(async () => {
      const [status] = await this.other.core('x').operator.federationStatus(undefined);
      return status?.deferred === 1;
    }, 'an item that is put off');
  }

  async untilAliceHas(at: string, ids: readonly PduId[]): Promise<void> {
    await this.fleet.until(
      async () => {
        const found = new Set(await this.ofAlice(at));
        return ids.every((id) => found.has(id));
      },
      `what Alice is to have at ${at}`,
      STEP_MS,
    );
  }

  until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
    return this.fleet.until(isSo, what, STEP_MS);
  }

  /** Numbers of a feed that a node sent in transactions: first, last. */
  sentBy(node: string, feed: string): readonly (readonly [number, number])[] {
    const port = this.fleet.node(node).site?.port;
    return this.internet.noted
      .filter(({ from, path }) => from === port && path.includes(`/send/${feed}.`))
      .map(({ path }) => path.split('.').slice(1, 3).map(Number) as [number, number]);
  }

  async queuedAt(node: string): Promise<number> {
    const all = await this.fleet.core(node).operator.federationStatus(undefined);
    return all.reduce((sum, { queued }) => sum + queued, 0);
  }

  /** How far a node of the fleet says that it holds what the other home sends. */
  async heldAt(node: string): Promise<number> {
    const { clock, home } = this.other;
    const now = { wall: clock.now(), monotonic: clock.monotonic() };
    const { held } = await readProgress(this.fleet.storeOf(node), home, now);
    return held.reduce((sum, { number }) => sum + number, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    await this.other[Symbol.asyncDispose]();
    await this.internet[Symbol.asyncDispose]();
  }

  async #write(
    world: FleetWorld,
    at: string,
    author: Person,
    to: readonly Person['address'][],
    text: string,
    status = ReceiptStatus.OK,
  ): Promise<PduId> {
    const client = await world.signIn(author, at);
    const body = utf8(text);
    const pdu = writePdu(world.random, author, to, body);
    const receipt = await world.moving(client.submit(pdu, body));
    client.close();
    if (receipt.status !== status) throw new Error(`${text}: ${JSON.stringify(receipt)}`);
    return pdu.id;
  }

  async #mailbox(world: FleetWorld, at: string, who: Person): Promise<readonly PduId[]> {
    const { suite } = world;
    const client = await world.signIn(who, at);
    await world.moving(client.follow());
    client.close();
    const here = [...client.entries.values()].flat().filter(({ bodyState }) => bodyState !== BodyState.OWED);
    return here.map(({ body, pdu: header }) => {
      const pdu = parsePdu(suite, header);
      if (toHex(suite.sha256(body)) !== pdu.body.sha256) throw new Error(`another body of ${pdu.id}, or none`);
      return pdu.id;
    });
  }
}
