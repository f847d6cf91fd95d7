/**
 * Homes that share one conversation in a bad world: a seed makes the people, what they do, partitions, losses, doubled and
 * late calls, crashes and wrong clocks. Then all works again, nobody says anything new, and everybody must agree.
 */
import { inspect } from 'node:util';
import { type Clock, type Log, SeededPrng, SILENT_LOG } from '../base/index.ts';
import type { ConversationFold } from '../conversation/index.ts';
import { type Address, type HomeName, type PduId, parseAddress, parseHomeName } from '../protocol/index.ts';
import { type Converged, checkConvergence } from './federation-checker.ts';
import type { BuildHome, HeldPdu, HomeMachine, HomeSite, HomeUnderTest } from './federation-home.ts';
import { FederationNetwork, NO_TROUBLES } from './federation-network.ts';
import { FederationPerson, foldOf } from './federation-person.ts';
import type { HomePapers } from './home-papers.ts';
import { SimulatedClock } from './simulated-clock.ts';

const HOMES = ['a.example', 'b.example', 'c.example', 'd.example', 'e.example'].map(parseHomeName);
const NAMES = ['ann', 'bob'] as const;
const START_WALL_MS = 1_800_000_000_000;
/** Time, acts and faults of a run are at most so many: short runs show most, long ones what needs length. */
const SCRIPT_MS = 180_000;
const ACTS = 40;
/** Somebody who may say something is soon found among those who may not. */
const TRIES = 6;
const FAULTS = 12;
/** Probability that a home crashes right after somebody there has said something, and how long after at most. */
const CRASH_AFTER_ACT = 0.05;
const CRASH_SOON_MS = 80;
/** Everything works: longer than any wait of a home, each at most an hour. */
const QUIET_MS = 3 * 3_600_000;
const SKEW_MS = 86_400_000;

/** What kind of homes a world has. */
export interface Homes {
  readonly papers: HomePapers;
  readonly build: BuildHome;
}

export interface FederationRun extends Converged {
  readonly calls: number;
  readonly crashes: number;
}

/** One whole run. Throws an Error that names the seed, the rule and what happened last. */
export async function simulateFederation(seed: number, homes: Homes): Promise<FederationRun> {
  const world = new FederationWorld(seed, homes);
  try {
    return await world.run();
  } catch (cause) {
    throw new Error(`federation, seed ${seed}: ${(cause as Error).message}\n${world.tail()}`, { cause });
  }
}

class FederationWorld {
  readonly #prng: SeededPrng;
  readonly #clock = new SimulatedClock(START_WALL_MS);
  readonly #network: FederationNetwork;
  readonly #machines: ReadonlyMap<HomeName, HomeMachine>;
  readonly #running = new Map<HomeName, HomeUnderTest>();
  readonly #clocks: ReadonlyMap<HomeName, Clock>;
  readonly #people: readonly FederationPerson[];
  readonly #acknowledged = new Set<PduId>();
  readonly #trace: string[] = [];
  /** What the people of a home know: a client forgets nothing. */
  readonly #clients = new Map<HomeName, ConversationFold>();
  readonly #submits: Promise<void>[] = [];
  readonly #founder: FederationPerson;
  readonly #founding: HeldPdu & { readonly body: Uint8Array };
  #crashes = 0;
  /** What nothing excuses. */
  #mistake: string | undefined;

  constructor(seed: number, { build, papers }: Homes) {
    this.#prng = new SeededPrng(seed);
    this.#network = new FederationNetwork(this.#clock, new SeededPrng(seed ^ 0x9e3779b9));
    this.#clocks = new Map(HOMES.map((home) => [home, skewed(this.#clock, this.#prng.below(2 * SKEW_MS) - SKEW_MS)]));
    this.#people = HOMES.flatMap((home) =>
      NAMES.map((name) => new FederationPerson(papers, this.#prng, parseAddress(`${name}@${home}`))),
    );
    this.#machines = new Map(HOMES.map((home, i) => [home, build(this.#siteOf(home, seed + i))]));
    this.#founder = this.#pick(this.#people);
    const others = this.#people.filter((person) => person !== this.#founder && this.#prng.next() < 0.6);
    this.#founding = this.#founder.found(
      others.map(({ address }) => address),
      this.#timeAt(this.#founder.home),
    );
  }

  async run(): Promise<FederationRun> {
    for (const home of HOMES) await this.#start(home);
    await this.#found();
    // Squared, so that most are short.
    const size = 0.1 + 0.9 * this.#prng.next() ** 2;
    const events = [
      ...Array.from({ length: size * ACTS }, () => () => this.#act()),
      ...Array.from({ length: size * FAULTS }, () => () => this.#trouble()),
    ].map((event) => ({ at: this.#prng.below(size * SCRIPT_MS), event }));
    for (const { at, event } of events.sort((a, b) => a.at - b.at)) {
      await this.#clock.advance(Math.max(0, at - this.#clock.monotonic()));
      await event();
    }
    this.#note(`${this.#acknowledged.size} acknowledged`);
    await this.#heal();
    await this.#clock.advance(QUIET_MS);
    await Promise.all(this.#submits);
    const heldBy = new Map<HomeName, readonly HeldPdu[]>();
    const deliveredTo = new Map<Address, readonly PduId[]>();
    const { conversation } = this.#founding.pdu;
    for (const [home, running] of this.#running) heldBy.set(home, await running.held(conversation));
    for (const { address, home } of this.#people)
      deliveredTo.set(address, await (this.#running.get(home) as HomeUnderTest).delivered(address));
    const crashes = this.#crashes;
    for (const home of HOMES) this.#crash(home);
    if (this.#mistake !== undefined) throw new Error(this.#mistake);
    const converged = checkConvergence({ conversation, acknowledged: this.#acknowledged, heldBy, deliveredTo });
    return { ...converged, calls: this.#network.calls, crashes };
  }

  tail(): string {
    return this.#trace.slice(-60).join('\n');
  }

  #siteOf(home: HomeName, seed: number): HomeSite {
    const people = this.#people.filter((person) => person.home === home).map(({ address }) => address);
    const error: Log['error'] = (fields, message) => {
      this.#mistake ??= `${home} logs an error: ${message}: ${inspect(fields)}`;
    };
    const clock = this.#clocks.get(home) as Clock;
    const prng = new SeededPrng(seed ^ 0x85ebca6b);
    return { home, people, clock, prng, link: this.#network.link(home), log: { ...SILENT_LOG, error } };
  }

  async #found(): Promise<void> {
    const { pdu, body } = this.#founding;
    this.#say(this.#founder, pdu.id, (home) => home.submit(pdu, body));
    await this.#clock.advance(1_000);
    this.#network.troubles = { loss: 0.1, duplication: 0.1, delayMs: 6_000 };
  }

  async #act(): Promise<void> {
    for (let i = 0; i < TRIES; i++) if (await this.#tryToAct()) return;
  }

  /** Somebody with a home that is up says something, on what that home holds. */
  async #tryToAct(): Promise<boolean> {
    const person = this.#pick(this.#people);
    const running = this.#running.get(person.home);
    const { conversation } = this.#founding.pdu;
    if (running === undefined) return false;
    const fold = this.#clients.get(person.home) ?? foldOf(conversation, []);
    this.#clients.set(person.home, fold);
    fold.add((await running.held(conversation)).filter(({ pdu }) => !fold.has(pdu.id)));
    const people = this.#people.map(({ address }) => address);
    const said = person.act(fold, conversation, people, this.#timeAt(person.home));
    if (said === undefined) return false;
    const about = `${said.pdu.type} ${said.pdu.stateKey ?? ''} ${new TextDecoder().decode(said.body)}`;
    this.#note(`${person.address} says ${about} at depth ${said.pdu.depth}, ${said.pdu.id.slice(0, 8)}`);
    this.#say(person, said.pdu.id, (home) => home.submit(said.pdu, said.body));
    if (this.#prng.next() < CRASH_AFTER_ACT) await this.#crashSoon(person.home);
    return true;
  }

  /** While what was said is being written, sent and spread. */
  async #crashSoon(home: HomeName): Promise<void> {
    await this.#clock.advance(this.#prng.below(CRASH_SOON_MS));
    this.#crash(home);
  }

  #say(person: FederationPerson, id: PduId, submit: (home: HomeUnderTest) => Promise<void>): void {
    const home = this.#running.get(person.home) as HomeUnderTest;
    const submitted = submit(home).then(
      () => void this.#acknowledged.add(id),
      (error: unknown) => {
        const what = `${person.address} has no receipt for ${id.slice(0, 8)}: ${String(error)}`;
        this.#note(what);
        if (this.#running.get(person.home) === home) this.#mistake ??= what;
      },
    );
    this.#submits.push(submitted);
  }

  async #trouble(): Promise<void> {
    const kind = this.#prng.next();
    if (kind < 0.35) {
      const sides = new Map(HOMES.map((home) => [home, this.#prng.below(1 + this.#prng.below(3))]));
      this.#note(`partition ${[...sides.values()].join()}`);
      this.#network.partition(sides);
    } else if (kind < 0.5) this.#network.partition(new Map());
    else if (kind < 0.8) {
      const home = this.#pick(HOMES);
      if (this.#running.has(home)) this.#crash(home);
      else await this.#start(home);
    } else {
      const [loss, duplication] = [this.#prng.next() * 0.5, this.#prng.next() * 0.5];
      this.#network.troubles = { loss, duplication, delayMs: 1 + this.#prng.below(6_000) };
    }
  }

  async #heal(): Promise<void> {
    this.#note('everything works');
    this.#network.partition(new Map());
    this.#network.troubles = NO_TROUBLES;
    for (const home of HOMES) if (!this.#running.has(home)) await this.#start(home);
  }

  async #start(home: HomeName): Promise<void> {
    this.#note(`start ${home}`);
    const running = await (this.#machines.get(home) as HomeMachine).start();
    this.#running.set(home, running);
    this.#network.attach(home, running.service);
  }

  #crash(home: HomeName): void {
    this.#note(`crash ${home}`);
    this.#crashes += 1;
    this.#network.attach(home, undefined);
    this.#running.get(home)?.crash();
    this.#running.delete(home);
  }

  #timeAt(home: HomeName): number {
    return (this.#clocks.get(home) as Clock).now();
  }

  #note(text: string): void {
    this.#trace.push(`${this.#clock.monotonic()} ${text}`);
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#prng.below(items.length)] as Item;
  }
}

/** The same passing of time, another time of day. */
function skewed(clock: Clock, skewMs: number): Clock {
  return {
    now: () => clock.now() + skewMs,
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}
