/**
 * Node choice against a simulated clock and network: eight nodes with set latencies, a script of troubles and wishes drawn
 * from a seed, and `ChoiceChecker` after every step. One seed always gives the same run, so a failure is replayed by its
 * seed. Real are the step and its state; simulated are time, the network and the person.
 */

import { SeededPrng } from '../base/index.ts';
import {
  type ChoiceEffect,
  type ChoiceEvent,
  type ChoiceState,
  createChoice,
  type Moment,
  step,
  WATCH_MS,
  wakeAt,
} from '../client/choice/index.ts';
import { ChoiceChecker, type Pick } from './choice-checker.ts';

export const NODE_COUNT = 8;
const SCRIPT_MS = 240_000;
const ACTS_MAX = 12;
/** Everything works again; long enough for the longest way back (three loops for a pinned node, and a rest's end). */
const QUIET_MS = 45_000;
const HEARTBEAT_MS = 30_000;
const COMPARE_MS = 1_000;
const START_WALL_MS = 1_800_000_000_000;

export interface SimulatedNode {
  readonly name: string;
  /** Round trip, milliseconds. */
  rttMs: number;
  up: boolean;
  /** Lets clients in; one that does not still answers pings. */
  accepts: boolean;
  store: boolean;
  whole: boolean;
  /** When one of these changed last. */
  changedAt: number;
}

export interface ChoiceRun {
  readonly steps: number;
  readonly picks: readonly Pick[];
}

/** One whole run. Throws an Error that names the seed, the rule and the last steps. */
export function simulateChoice(seed: number): ChoiceRun {
  const world = new ChoiceWorld(seed);
  try {
    return world.run();
  } catch (cause) {
    throw new Error(`node choice, seed ${seed}: ${(cause as Error).message}\n${world.tail()}`, { cause });
  }
}

interface Connection {
  readonly attempt: number;
  readonly node: SimulatedNode;
  open: boolean;
  /** Half-open since: the other end is gone and nobody said so. */
  silentSince: number | undefined;
}

interface Due {
  readonly at: number;
  readonly order: number;
  readonly act: () => void;
}

class ChoiceWorld {
  readonly #prng: SeededPrng;
  readonly #choicePrng: SeededPrng;
  readonly #nodes: SimulatedNode[];
  readonly #checker: ChoiceChecker;
  readonly #due: Due[] = [];
  readonly #trace: string[] = [];
  #order = 0;
  #steps = 0;
  #at = 0;
  #wallMs = START_WALL_MS;
  #state: ChoiceState;
  #connection: Connection | undefined;

  constructor(seed: number) {
    this.#prng = new SeededPrng(seed);
    this.#choicePrng = new SeededPrng(seed ^ 0x9e3779b9);
    this.#nodes = Array.from({ length: NODE_COUNT }, (_, i) => ({
      name: `n${i}`,
      // 10 to 690 ms: about a quarter is too slow to count.
      rttMs: 10 + this.#prng.below(680),
      up: this.#prng.next() < 0.9,
      accepts: this.#prng.next() < 0.95,
      store: this.#prng.next() < 0.95,
      whole: this.#prng.next() < 0.9,
      changedAt: 0,
    }));
    const pinned = this.#prng.next() < 0.25 ? this.#anyNode().name : undefined;
    const listed = this.#nodes.map(({ name }) => ({ name, url: `wss://${name}.example` }));
    this.#state = createChoice(listed, pinned, this.#moment());
    this.#checker = new ChoiceChecker(this.#nodes, this.#state);
  }

  run(): ChoiceRun {
    const acts = 1 + this.#prng.below(ACTS_MAX);
    for (let i = 0; i < acts; i++) this.#later(this.#prng.below(SCRIPT_MS), () => this.#anything());
    this.#later(SCRIPT_MS, () => this.#heal());
    this.#until(SCRIPT_MS + QUIET_MS);
    this.#checker.end(this.#state, this.#at);
    return { steps: this.#steps, picks: this.#checker.picks };
  }

  /** The last steps, for people. */
  tail(): string {
    const nodes = this.#nodes.map((node) => JSON.stringify(node)).join('\n');
    return `${this.#trace.slice(-40).join('\n')}\n${nodes}`;
  }

  #until(end: number): void {
    for (;;) {
      const tickAt = Math.max(this.#at, wakeAt(this.#state));
      const next = this.#due[0];
      if (Math.min(tickAt, next?.at ?? tickAt) > end) return;
      if (next !== undefined && next.at <= tickAt) {
        this.#due.shift();
        this.#moveTo(next.at);
        next.act();
      } else {
        this.#moveTo(tickAt);
        this.#take({ type: 'tick' });
      }
    }
  }

  #moveTo(at: number): void {
    this.#wallMs += at - this.#at;
    this.#at = at;
  }

  #moment(): Moment {
    return { at: this.#at, wallMs: this.#wallMs, random: this.#choicePrng.next() };
  }

  #take(event: ChoiceEvent): void {
    const before = this.#state;
    const moment = this.#moment();
    const { state, effects } = step(before, event, moment);
    this.#state = state;
    this.#steps++;
    this.#trace.push(`${this.#at} ${JSON.stringify(event)} → ${state.link.at} ${JSON.stringify(effects)}`);
    if (this.#trace.length > 400) this.#trace.splice(0, 200);
    this.#checker.check({
      before,
      event,
      moment,
      effects,
      after: state,
      silentSince: this.#connection?.silentSince,
    });
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: ChoiceEffect): void {
    switch (effect.type) {
      case 'ping':
        for (const name of effect.nodes) this.#ping(effect.round, name, effect.limitMs);
        break;
      case 'connect':
        this.#connect(effect.attempt, this.#nodeOf(effect.node));
        break;
      case 'disconnect':
        this.#connection = undefined;
        break;
      case 'probe':
        this.#probe(effect.attempt);
        break;
      case 'notify':
        break;
    }
  }

  #ping(round: number, name: string, limitMs: number): void {
    const node = this.#nodeOf(name);
    const { rttMs } = node;
    const silent = this.#prng.next() < 0.5;
    this.#later(Math.min(rttMs, limitMs), () => {
      // A late answer is handed on too, with its true time: it is the step's to say that it does not count.
      if (node.up && (rttMs < limitMs || !silent))
        this.#take({ type: 'pong', round, node: name, rttMs, store: node.store });
      else if (!silent) this.#take({ type: 'pingFailed', round, node: name });
    });
  }

  #connect(attempt: number, node: SimulatedNode): void {
    const connection: Connection = { attempt, node, open: false, silentSince: undefined };
    this.#connection = connection;
    const hangs = this.#prng.next() < 0.3;
    this.#later(2 * node.rttMs, () => {
      if (this.#connection !== connection) return;
      if (node.up && node.accepts) this.#open(connection);
      else if (!hangs) this.#end(connection, { type: 'connectFailed', attempt });
    });
  }

  #open(connection: Connection): void {
    const { attempt, node } = connection;
    connection.open = true;
    this.#take({ type: 'connected', attempt, heartbeatMs: HEARTBEAT_MS, store: node.store });
    this.#heartbeat(connection);
    this.#compare(connection);
  }

  #heartbeat(connection: Connection): void {
    this.#later(HEARTBEAT_MS, () => {
      if (this.#connection !== connection || connection.silentSince !== undefined) return;
      this.#take({ type: 'heard', attempt: connection.attempt, rttMs: undefined });
      this.#heartbeat(connection);
    });
  }

  /** What the client finds when it compares the node's heads with those of others. */
  #compare(connection: Connection): void {
    this.#later(COMPARE_MS, () => {
      const { node } = connection;
      if (this.#connection !== connection || connection.silentSince !== undefined) return;
      if (!node.whole || this.#state.nodes.get(node.name)?.completeness !== 1)
        this.#take({ type: 'completeness', node: node.name, held: node.whole ? 1000 : 400, known: 1000 });
    });
  }

  #probe(attempt: number): void {
    const connection = this.#connection;
    if (connection?.attempt !== attempt || connection.silentSince !== undefined || !connection.node.up) return;
    const { rttMs } = connection.node;
    this.#later(rttMs, () => {
      if (this.#connection === connection && connection.silentSince === undefined)
        this.#take({ type: 'heard', attempt, rttMs });
    });
  }

  #end(connection: Connection, event: ChoiceEvent): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#take(event);
  }

  #anything(): void {
    const node = this.#prng.next() < 0.5 ? (this.#connection?.node ?? this.#anyNode()) : this.#anyNode();
    const acts: readonly (() => void)[] = [
      () => this.#change(node, { up: false }),
      () => this.#change(node, { up: false }),
      () => this.#change(node, { up: true }),
      () => this.#change(node, { rttMs: 500 + this.#prng.below(4000) }),
      () => this.#change(node, { rttMs: 10 + this.#prng.below(300) }),
      () => this.#change(node, { accepts: false }),
      () => this.#change(node, { whole: false }),
      () => this.#change(node, { whole: true }),
      () => this.#failRequests(),
      () => this.#closeByNode(),
      () => this.#take({ type: 'pin', node: this.#anyNode().name }),
      () => this.#take({ type: 'pin', node: this.#anyNode().name }),
      () => this.#take({ type: 'unpin' }),
      () => this.#take({ type: 'choose', node: this.#anyNode().name }),
      () => this.#take({ type: 'choose', node: 'nobody' }),
      () => this.#take({ type: 'retry' }),
      () => this.#sleep(),
      () => this.#allDown(),
      () => this.#heal(),
    ];
    (acts[this.#prng.below(acts.length)] as () => void)();
  }

  #change(node: SimulatedNode, change: Partial<SimulatedNode>): void {
    Object.assign(node, change, { changedAt: this.#at });
    const connection = this.#connection;
    if (connection?.node !== node || !connection.open) return;
    if (!node.up) this.#kill(connection);
    else if (change.whole !== undefined) this.#compare(connection);
  }

  #kill(connection: Connection): void {
    if (this.#prng.next() < 0.5) connection.silentSince = this.#at;
    else this.#later(5, () => this.#end(connection, { type: 'closed', attempt: connection.attempt, refused: false }));
  }

  #failRequests(): void {
    const attempt = this.#connection?.attempt;
    if (attempt === undefined) return;
    this.#take({ type: 'requestFailed', attempt });
    if (this.#prng.next() < 0.2) this.#take({ type: 'requestDone', attempt });
    this.#take({ type: 'requestFailed', attempt });
  }

  #closeByNode(): void {
    const connection = this.#connection;
    if (connection?.open)
      this.#end(connection, { type: 'closed', attempt: connection.attempt, refused: this.#prng.next() < 0.5 });
  }

  /** The wall clock goes on, the monotonic one may; what was under way is lost, and often the connection with it. */
  #sleep(): void {
    const sleptMs = 5_000 + this.#prng.below(3_600_000);
    if (this.#connection?.open && this.#prng.next() < 0.7) this.#connection.silentSince = this.#at;
    this.#wallMs += sleptMs;
    this.#later(this.#prng.below(WATCH_MS), () => this.#take({ type: 'tick' }));
    this.#checker.slept(this.#at);
  }

  #allDown(): void {
    for (const node of this.#nodes) this.#change(node, { up: false });
  }

  #heal(): void {
    for (const node of this.#nodes) {
      const rttMs = node.rttMs < 450 ? node.rttMs : 20 + this.#prng.below(400);
      this.#change(node, { up: true, accepts: true, store: true, whole: true, rttMs });
    }
  }

  #later(ms: number, act: () => void): void {
    const due = { at: this.#at + ms, order: this.#order++, act };
    let i = this.#due.length;
    while (i > 0 && (this.#due[i - 1] as Due).at > due.at) i--;
    this.#due.splice(i, 0, due);
  }

  #anyNode(): SimulatedNode {
    return this.#nodes[this.#prng.below(NODE_COUNT)] as SimulatedNode;
  }

  #nodeOf(name: string): SimulatedNode {
    return this.#nodes.find((node) => node.name === name) as SimulatedNode;
  }
}
