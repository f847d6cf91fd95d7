import {
  type ChoiceEffect,
  type ChoiceEvent,
  type ChoiceState,
  createChoice,
  wakeAt,
} from '../../src/client/choice/choice-state.ts';
import { step } from '../../src/client/choice/choice-step.ts';
import { type ChoiceView, viewOf } from '../../src/client/choice/choice-view.ts';

const WALL = 1_800_000_000_000;

/** Nodes n0, n1 … and a clock that the test moves; effects are kept as short texts until they are read. */
export class Bench {
  state: ChoiceState;
  at = 0;
  wallMs = WALL;
  random = 0;
  #effects: ChoiceEffect[] = [];

  constructor(count: number, pinned?: string) {
    const nodes = Array.from({ length: count }, (_, i) => ({ name: `n${i}`, url: `wss://n${i}.example` }));
    this.state = createChoice(nodes, pinned, { at: 0, wallMs: WALL, random: 0 });
  }

  take(event: ChoiceEvent): this {
    const next = step(this.state, event, { at: this.at, wallMs: this.wallMs, random: this.random });
    this.state = next.state;
    this.#effects.push(...next.effects);
    return this;
  }

  /** Moves time to `ms`, ticking whenever the state asks for it. */
  until(ms: number): this {
    for (let due = wakeAt(this.state); due <= ms; due = wakeAt(this.state)) {
      this.#moveTo(Math.max(this.at, due));
      this.take({ type: 'tick' });
    }
    this.#moveTo(ms);
    return this;
  }

  /** Answers the pings under way: node → round trip; the others fail. */
  answer(rtts: Readonly<Record<string, number>>): this {
    const { link } = this.state;
    const round = link.at === 'searching' ? link.round : link.at === 'connected' ? link.look?.round : undefined;
    for (const node of round?.open ?? []) {
      const rttMs = rtts[node];
      if (rttMs === undefined) this.take({ type: 'pingFailed', round: round?.id ?? 0, node });
      else this.take({ type: 'pong', round: round?.id ?? 0, node, rttMs, store: true });
    }
    return this;
  }

  get attempt(): number {
    const { link } = this.state;
    return link.at === 'connecting' || link.at === 'connected' ? link.attempt : 0;
  }

  connected(store = true): this {
    return this.take({ type: 'connected', attempt: this.attempt, heartbeatMs: 30_000, store });
  }

  /** Three loops in which the pinned node does not let us in. */
  missPinned(): this {
    for (const at of [0, 10_000, 20_000]) this.until(at).take({ type: 'connectFailed', attempt: this.attempt });
    return this;
  }

  /** From the start to a connection with n0. */
  static onN0(count: number): Bench {
    const bench = new Bench(count).until(0).answer({ n0: 10 }).connected();
    bench.read();
    return bench;
  }

  get view(): ChoiceView {
    return viewOf(this.state, this.at);
  }

  /** What was asked for since the last reading. */
  read(): string[] {
    const effects = this.#effects.map((effect) => {
      if (effect.type === 'ping') return `ping ${effect.nodes.join(' ')}`;
      if (effect.type !== 'notify') return `${effect.type} ${effect.node}`;
      const { notice } = effect;
      if (notice.type === 'state') return `${notice.node} is ${notice.state}`;
      return notice.type === 'offline' ? `offline since ${notice.since - WALL}` : `${notice.type} ${notice.node}`;
    });
    this.#effects = [];
    return effects;
  }

  #moveTo(at: number): void {
    this.wallMs += at - this.at;
    this.at = at;
  }
}
