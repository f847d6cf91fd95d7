/**
 * What a checker of node choice writes down for itself: pings and their answers, the active node and its faults, wishes,
 * and when the world disturbed things. `assert` names the rule that does not hold.
 */
import type { ChoiceEffect, ChoiceEvent, ChoiceState, Moment } from '../client/choice/index.ts';
import type { SimulatedNode } from './choice.sim.ts';

export interface CheckedStep {
  readonly before: ChoiceState;
  readonly event: ChoiceEvent;
  readonly moment: Moment;
  readonly effects: readonly ChoiceEffect[];
  readonly after: ChoiceState;
  /** Since when the open connection is dead without anybody having said so. */
  readonly silentSince: number | undefined;
}

export interface Active {
  readonly node: string;
  readonly attempt: number;
  connectedAt: number | undefined;
  failedRequests: number;
  /** When it failed the second request in a row. */
  failingSince: number | undefined;
  /** When it was found to serve less than its fleet. */
  lackingSince: number | undefined;
}

interface AskedRound {
  readonly id: number;
  readonly asked: readonly string[];
  readonly limitMs: number;
  readonly answers: Map<string, number>;
  readonly whileConnected: boolean;
}

// The rules' numbers stand here once more: a wrong one in the program's limits.ts must not go unnoticed.
export const LOOP_MS = 10_000;
export const PING_LIMIT_MS = 500;
export const SLOW_PING_LIMIT_MS = 5_000;
export const CONNECT_LIMIT_MS = 5_000;
export const PINNED_LOOPS = 3;
export const REST_AFTER_CONNECT_MS = 10_000;
export const REST_AFTER_FAILURE_MS = 180_000;
export const HEARTBEAT_MS = 30_000;
export const WATCH_MS = 1_000;

export const USER_EVENTS: ReadonlySet<ChoiceEvent['type']> = new Set(['pin', 'unpin', 'choose', 'retry']);

export class ChoiceBooks {
  readonly nodes: ReadonlyMap<string, SimulatedNode>;
  readonly completeness = new Map<string, number>();
  active: Active | undefined;
  round: AskedRound | undefined;
  pin: string | undefined;
  /** Loops without a connection since the wish. */
  awayLoops = 0;
  /** The same since there was a connection. */
  emptyLoops = 0;
  borrowing = false;
  chosen: string | undefined;
  offlineSaid = false;
  /** The last connect was to the pinned node without its having answered a ping. */
  unasked = false;
  /** When a try was last under way. */
  tryingAt = 0;
  lastConnectedAt = 0;
  /** The last time a wish, a sleep or mere traffic put the detection of faults off. */
  disturbedAt = 0;
  sleptAt = 0;

  constructor(nodes: readonly SimulatedNode[]) {
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
  }

  takeEvent(step: CheckedStep): void {
    const { after, before, event, moment } = step;
    if (USER_EVENTS.has(event.type)) this.disturbedAt = moment.at;
    switch (event.type) {
      case 'retry':
        this.offlineSaid = false; // whoever asks again hears again
        break;
      case 'pong':
        if (event.round === this.round?.id && event.store && event.rttMs < this.round.limitMs)
          this.round.answers.set(event.node, event.rttMs);
        break;
      case 'completeness':
        this.completeness.set(event.node, event.held / event.known);
        if (this.active?.node === event.node && this.active.connectedAt !== undefined)
          this.active.lackingSince = event.held < event.known ? moment.at : undefined;
        break;
      case 'heard':
        if (event.rttMs === undefined) this.disturbedAt = moment.at;
        break;
      case 'requestFailed':
        if (this.active?.connectedAt === undefined || event.attempt !== this.active.attempt) break;
        if (++this.active.failedRequests === 2) this.active.failingSince = moment.at;
        break;
      case 'requestDone':
        if (this.active !== undefined) Object.assign(this.active, { failedRequests: 0, failingSince: undefined });
        break;
      case 'pin':
        this.setPin(event.node);
        break;
      case 'unpin':
        this.setPin(undefined);
        break;
      case 'choose':
        if (!this.nodes.has(event.node)) break;
        this.chosen = event.node;
        this.borrowing = event.node !== this.pin;
        break;
      default:
        break;
    }
    const looped = event.type === 'tick' && after.nextLoopAt !== before.nextLoopAt;
    if (looped && before.link.at !== 'connected') {
      this.awayLoops++;
      this.emptyLoops++;
    }
    if (after.link.at === 'connected') this.emptyLoops = 0;
  }

  setPin(pin: string | undefined): void {
    this.pin = pin;
    this.awayLoops = 0;
    this.borrowing = false;
  }

  /** When the active node became one to leave. One that a person wants may be slow, and its silence is for the heartbeats. */
  faultAt(active: Active, silentSince: number | undefined): number | undefined {
    const node = this.nodes.get(active.node) as SimulatedNode;
    const faults = [active.failingSince, active.lackingSince];
    if (active.node !== this.pin && active.node !== this.chosen) {
      faults.push(silentSince);
      if (node.rttMs >= PING_LIMIT_MS) faults.push(Math.max(node.changedAt, active.connectedAt ?? 0));
    }
    return faults.filter((at) => at !== undefined).sort((a, b) => a - b)[0];
  }

  complete(name: string): number {
    return this.completeness.get(name) ?? 1;
  }
}

/** Whether a person asks just now for this node. */
export function isWishFor(step: CheckedStep, node: string | undefined): boolean {
  const { event } = step;
  return (event.type === 'pin' || event.type === 'choose') && event.node === node;
}

/** Whether a node rests in this step; a person's wish ends the rests that were. */
export function isResting(step: CheckedStep, name: string): boolean {
  const { after, before, event, moment } = step;
  const until = (state: ChoiceState): number => state.nodes.get(name)?.rest?.until ?? 0;
  if (USER_EVENTS.has(event.type)) return moment.at < until(after);
  return moment.at < Math.max(until(before), until(after));
}

export function assert(condition: unknown, rule: string, context: unknown): asserts condition {
  if (!condition) throw new Error(`${rule}: ${JSON.stringify(context)}`);
}
