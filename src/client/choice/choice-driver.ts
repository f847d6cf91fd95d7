/**
 * Runs node choice: feeds `step` with time, answers and wishes, and performs its effects through ports. All judgement is
 * in the step; here are only timers, promises and the order of things. Listeners may call back: what they ask is queued.
 */
import { type Clock, Emitter, type Log, type Prng, Scope, unreachable } from '../../base/index.ts';
import { type Directory, type DirectoryNode, findNode } from '../directory/index.ts';
import {
  type ChoiceEffect,
  type ChoiceEvent,
  type ChoiceNotice,
  type ChoiceState,
  createChoice,
  type ListedNode,
  wakeAt,
} from './choice-state.ts';
import { step } from './choice-step.ts';
import { type ChoiceView, viewOf } from './choice-view.ts';
import { CONNECT_LIMIT_MS, WATCH_MS } from './limits.ts';
import type { Moment } from './moment.ts';

export interface PingAnswer {
  /** Milliseconds from asking to the answer. */
  readonly rttMs: number;
  /** Whether the node says that it holds mail. */
  readonly store: boolean;
}

/** A connection as far as choice goes: authenticated, and open until `closed`. */
export interface ChoiceConnection {
  readonly store: boolean;
  readonly heartbeatMs: number;
  /** Monotonic time of the last thing that arrived. */
  readonly heardAt: number;
  /** Asks for a sign of life; resolves with the round trip in milliseconds. */
  ping(signal: AbortSignal): Promise<number>;
  /** Resolves when it has ended; `refused`: the node wanted it so. */
  readonly closed: Promise<{ readonly refused: boolean }>;
  /** Idempotent. */
  close(): void;
}

export interface ChoiceNetwork<Connection extends ChoiceConnection> {
  /** Asks a node without authenticating. Rejects when it does not answer, or when `signal` is aborted. */
  ping(node: DirectoryNode, signal: AbortSignal): Promise<PingAnswer>;
  /** Connects and authenticates. Rejects when that fails, or when `signal` is aborted. */
  connect(node: DirectoryNode, signal: AbortSignal): Promise<Connection>;
}

export interface ChoiceDeps<Connection extends ChoiceConnection> {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly network: ChoiceNetwork<Connection>;
  readonly log: Log;
}

export interface ChoiceOptions {
  readonly directory: Directory;
  readonly pinned: string | undefined;
}

/** The notices by their names, so that each can be listened to alone. */
export type ChoiceEvents = { [Type in ChoiceNotice['type']]: Extract<ChoiceNotice, { type: Type }> };

interface Attempt<Connection> {
  readonly id: number;
  readonly controller: AbortController;
  connection: Connection | undefined;
  heardAt: number;
}

export class NodeChoice<Connection extends ChoiceConnection> implements AsyncDisposable {
  readonly events: Emitter<ChoiceEvents>;
  readonly #deps: ChoiceDeps<Connection>;
  readonly #scope: Scope;
  readonly #inbox: ChoiceEvent[] = [];
  #busy = false;
  #directory: Directory;
  #state: ChoiceState;
  #attempt: Attempt<Connection> | undefined;
  #wakeAt = Number.NEGATIVE_INFINITY;
  #nudge: AbortController | undefined;
  /**
   * One controller for each wait under way, aborted together at the end: a signal that all shared for months would gather
   * listeners.
   */
  readonly #waits = new Set<AbortController>();

  /** Listen first, then `start`: an open choice has not looked for a node yet. */
  constructor(deps: ChoiceDeps<Connection>, options: ChoiceOptions) {
    this.#deps = deps;
    this.#directory = options.directory;
    this.events = new Emitter((error) => deps.log.error({ err: error }, 'a listener of node choice failed'));
    this.#scope = new Scope((name, error) => deps.log.error({ err: error, task: name }, 'node choice: a task failed'));
    this.#state = createChoice(listed(options.directory), options.pinned, this.#moment());
  }

  /** Begins the loop; the first one runs at once. */
  start(): void {
    this.#scope.spawn('loop', () => this.#loop());
  }

  /** Drops the connection and waits for what is under way. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#scope[Symbol.asyncDispose]();
    for (const wait of this.#waits) wait.abort();
    this.#attempt?.connection?.close();
    this.#attempt = undefined;
    await ended;
  }

  get view(): ChoiceView {
    return viewOf(this.#state, this.#deps.clock.monotonic());
  }

  /** The connection to the node followed now. */
  get connection(): Connection | undefined {
    return this.#state.link.at === 'connected' ? this.#attempt?.connection : undefined;
  }

  /** Own nodes, the home document or the fleet changed. */
  setDirectory(directory: Directory): void {
    this.#directory = directory;
    this.#take({ type: 'nodes', nodes: listed(directory) });
  }

  /** Throws DirectoryError `unknown_node`. The caller keeps the pin in the settings. */
  pin(name: string): void {
    this.#take({ type: 'pin', node: findNode(this.#directory, name).name });
  }

  unpin(): void {
    this.#take({ type: 'unpin' });
  }

  /** This node now, without a pin. Throws DirectoryError `unknown_node`. */
  choose(name: string): void {
    this.#take({ type: 'choose', node: findNode(this.#directory, name).name });
  }

  retryNow(): void {
    this.#take({ type: 'retry' });
  }

  /** A request over `connection` had no good answer; the second in a row changes the node. */
  requestFailed(connection: Connection): void {
    if (this.#attempt?.connection === connection) this.#take({ type: 'requestFailed', attempt: this.#attempt.id });
  }

  requestDone(connection: Connection): void {
    if (this.#attempt?.connection === connection) this.#take({ type: 'requestDone', attempt: this.#attempt.id });
  }

  /** Entries under the heads a node serves, against those under the best heads known for at least a loop. */
  reportCompleteness(node: string, held: number, known: number): void {
    this.#take({ type: 'completeness', node, held, known });
  }

  async #loop(): Promise<void> {
    const { clock } = this.#deps;
    while (!this.#scope.signal.aborted) {
      this.#takeHeard();
      this.#take({ type: 'tick' });
      this.#wakeAt = Math.min(wakeAt(this.#state), clock.monotonic() + WATCH_MS);
      await this.#wait(async (nudge) => {
        this.#nudge = nudge;
        await clock.sleep(this.#wakeAt - clock.monotonic(), nudge.signal).catch((error: unknown) => {
          if (!nudge.signal.aborted) throw error;
        });
      });
    }
  }

  /** Runs a wait that the end of this choice, or its own controller, aborts. */
  async #wait<Result>(work: (controller: AbortController) => Promise<Result>): Promise<Result> {
    const controller = new AbortController();
    if (this.#scope.signal.aborted) controller.abort();
    this.#waits.add(controller);
    try {
      return await work(controller);
    } finally {
      this.#waits.delete(controller);
    }
  }

  /** The same with a limit by our clock. */
  #waitAtMost<Result>(limitMs: number, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    return this.#wait(async (controller) => {
      this.#scope.spawn('limit', async () => {
        await this.#deps.clock.sleep(limitMs, controller.signal).catch((error: unknown) => {
          if (!controller.signal.aborted) throw error;
        });
        controller.abort();
      });
      try {
        return await work(controller.signal);
      } finally {
        controller.abort(); // ends the limit's own wait
      }
    });
  }

  #takeHeard(): void {
    const attempt = this.#attempt;
    const heardAt = attempt?.connection?.heardAt;
    if (attempt === undefined || heardAt === undefined || heardAt <= attempt.heardAt) return;
    attempt.heardAt = heardAt;
    this.#take({ type: 'heard', attempt: attempt.id, rttMs: undefined });
  }

  #take(event: ChoiceEvent): void {
    if (this.#scope.signal.aborted) return;
    this.#inbox.push(event);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        const { state, effects } = step(this.#state, next, this.#moment());
        this.#state = state;
        for (const effect of effects) this.#perform(effect);
      }
    } finally {
      this.#busy = false;
    }
    if (wakeAt(this.#state) < this.#wakeAt) this.#nudge?.abort();
  }

  #moment(): Moment {
    const { clock, prng } = this.#deps;
    return { at: clock.monotonic(), wallMs: clock.now(), random: prng.next() };
  }

  #perform(effect: ChoiceEffect): void {
    switch (effect.type) {
      case 'notify':
        this.#notify(effect.notice);
        break;
      case 'ping':
        for (const node of effect.nodes)
          this.#scope.spawn('ping', () => this.#ping(effect.round, node, effect.limitMs));
        break;
      case 'connect':
        this.#connect(effect.node, effect.attempt);
        break;
      case 'disconnect':
        this.#disconnect(effect.attempt);
        break;
      case 'probe':
        this.#scope.spawn('probe', () => this.#probe(effect.attempt));
        break;
      default:
        unreachable(effect);
    }
  }

  #notify(notice: ChoiceNotice): void {
    this.#deps.log.debug(notice, 'node choice');
    this.events.emit(notice.type, notice);
  }

  async #ping(round: number, name: string, limitMs: number): Promise<void> {
    const { log, network } = this.#deps;
    const node = this.#directory.nodes.find((candidate) => candidate.name === name);
    if (node === undefined) return; // the directory changed, and the step knows
    try {
      const answer = await this.#waitAtMost(limitMs, (signal) => network.ping(node, signal));
      this.#take({ type: 'pong', round, node: name, rttMs: answer.rttMs, store: answer.store });
    } catch (error) {
      log.debug({ node: name, err: error }, 'node choice: a ping had no answer');
      this.#take({ type: 'pingFailed', round, node: name });
    }
  }

  #connect(name: string, id: number): void {
    const node = findNode(this.#directory, name);
    this.#scope.spawn('connection', () =>
      this.#wait(async (controller) => {
        const attempt: Attempt<Connection> = { id, controller, connection: undefined, heardAt: -1 };
        this.#attempt = attempt;
        try {
          await this.#follow(node, attempt);
        } catch (error) {
          this.#deps.log.debug({ node: name, err: error }, 'node choice: a connect failed');
          this.#take({ type: 'connectFailed', attempt: id });
        }
      }),
    );
  }

  async #follow(node: DirectoryNode, attempt: Attempt<Connection>): Promise<void> {
    const { signal } = attempt.controller;
    const connection = await this.#deps.network.connect(node, signal);
    if (signal.aborted) {
      connection.close(); // it arrived late: nobody waits for it any more
      return;
    }
    attempt.connection = connection;
    this.#take({
      type: 'connected',
      attempt: attempt.id,
      heartbeatMs: connection.heartbeatMs,
      store: connection.store,
    });
    const { refused } = await connection.closed;
    this.#take({ type: 'closed', attempt: attempt.id, refused });
  }

  #disconnect(id: number): void {
    const attempt = this.#attempt;
    if (attempt?.id !== id) return;
    this.#attempt = undefined;
    attempt.controller.abort();
    attempt.connection?.close();
  }

  async #probe(id: number): Promise<void> {
    const attempt = this.#attempt;
    if (attempt?.id !== id || attempt.connection === undefined) return;
    try {
      const { connection } = attempt;
      const rttMs = await this.#waitAtMost(CONNECT_LIMIT_MS, (signal) => connection.ping(signal));
      this.#take({ type: 'heard', attempt: id, rttMs });
    } catch (error) {
      // Silence is what the step judges; why it is silent is for the log.
      this.#deps.log.debug({ err: error }, 'node choice: a probe had no answer');
    }
  }
}

function listed(directory: Directory): readonly ListedNode[] {
  return directory.nodes.map((node) => ({ name: node.name, url: node.urls[0] }));
}
