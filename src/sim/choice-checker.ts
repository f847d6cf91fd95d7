/**
 * The rules of node choice (src/client/choice/README.md), asserted after every step of a simulated run from what went in,
 * what came out and what is true of the network. It keeps its own books of pings, answers and faults; of the state it
 * reads the rests and the loop's schedule.
 */
import {
  type ChoiceEffect,
  type ChoiceEvent,
  type ChoiceNotice,
  type ChoiceState,
  CONNECT_LIMIT_MS,
  LOOP_MS,
  type Moment,
  PING_LIMIT_MS,
  PINNED_LOOPS,
  REST_AFTER_CONNECT_MS,
  REST_AFTER_FAILURE_MS,
  viewOf,
} from '../client/choice/index.ts';
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

/** A node taken from a pool: its place in it, fastest first. */
export interface Pick {
  readonly poolSize: number;
  readonly place: number;
}

interface Active {
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
  readonly answers: Map<string, number>;
  readonly whileConnected: boolean;
}

const USER_EVENTS: ReadonlySet<ChoiceEvent['type']> = new Set(['pin', 'unpin', 'choose', 'retry']);
/** Two probes and the pings to the others: what leaving takes once the loop has come. */
const LEAVING_MS = 3 * PING_LIMIT_MS + 50;
/** What may stand between a node and its connection: a loop, an attempt that hangs, a search. */
const REACHING_MS = LOOP_MS + CONNECT_LIMIT_MS + 2 * PING_LIMIT_MS;

export class ChoiceChecker {
  readonly picks: Pick[] = [];
  readonly #nodes: ReadonlyMap<string, SimulatedNode>;
  readonly #completeness = new Map<string, number>();
  #active: Active | undefined;
  #round: AskedRound | undefined;
  #pin: string | undefined;
  #awayLoops = 0;
  #borrowing = false;
  #chosen: string | undefined;
  #offlineSaid = false;
  /** When a try was last under way. */
  #tryingAt = 0;
  #lastConnectedAt = 0;
  /** The last time a wish, a sleep or mere traffic put the detection of faults off. */
  #disturbedAt = 0;
  #step!: CheckedStep;

  constructor(nodes: readonly SimulatedNode[]) {
    this.#nodes = new Map(nodes.map((node) => [node.name, node]));
  }

  begin(state: ChoiceState): void {
    this.#pin = state.pin?.node;
  }

  slept(at: number): void {
    this.#disturbedAt = at;
  }

  check(step: CheckedStep): void {
    this.#step = step;
    this.#takeEvent();
    for (const effect of step.effects) this.#takeEffect(effect);
    this.#checkRests();
    this.#checkSchedule();
    this.#checkWish();
    this.#checkFaults();
    this.#checkPinned();
  }

  end(state: ChoiceState, at: number): void {
    assert(at - this.#lastConnectedAt < REACHING_MS, 'everything works, and no node is connected', state.link);
  }

  #takeEvent(): void {
    const { after, before, event, moment } = this.#step;
    if (USER_EVENTS.has(event.type)) this.#disturbedAt = moment.at;
    switch (event.type) {
      case 'pong':
        if (event.round === this.#round?.id && event.store) this.#round.answers.set(event.node, event.rttMs);
        break;
      case 'completeness':
        this.#completeness.set(event.node, event.held / event.known);
        if (this.#active?.node === event.node && this.#active.connectedAt !== undefined)
          this.#active.lackingSince = event.held < event.known ? moment.at : undefined;
        break;
      case 'heard':
        if (event.rttMs === undefined) this.#disturbedAt = moment.at;
        break;
      case 'requestFailed':
        if (this.#active?.connectedAt === undefined || event.attempt !== this.#active.attempt) break;
        if (++this.#active.failedRequests === 2) this.#active.failingSince = moment.at;
        break;
      case 'requestDone':
        if (this.#active !== undefined) Object.assign(this.#active, { failedRequests: 0, failingSince: undefined });
        break;
      case 'pin':
        this.#setPin(event.node);
        break;
      case 'unpin':
        this.#setPin(undefined);
        break;
      case 'choose':
        if (!this.#nodes.has(event.node)) break;
        this.#chosen = event.node;
        this.#borrowing = event.node !== this.#pin;
        break;
      default:
        break;
    }
    const looped = event.type === 'tick' && after.nextLoopAt !== before.nextLoopAt;
    if (looped && before.link.at !== 'connected') this.#awayLoops++;
  }

  #setPin(pin: string | undefined): void {
    this.#pin = pin;
    this.#awayLoops = 0;
    this.#borrowing = false;
  }

  #takeEffect(effect: ChoiceEffect): void {
    switch (effect.type) {
      case 'notify':
        this.#takeNotice(effect.notice);
        break;
      case 'ping':
        this.#takePing(effect);
        break;
      case 'connect':
        this.#takeConnect(effect);
        break;
      case 'disconnect':
        assert(this.#active?.attempt === effect.attempt, 'only what is there is disconnected', effect);
        break;
      case 'probe':
        assert(this.#active?.connectedAt !== undefined, 'only a connection is probed', effect);
        break;
    }
  }

  /** States and events come in the seed's order. */
  #takeNotice(notice: ChoiceNotice): void {
    const { effects, event, moment } = this.#step;
    const notices = effects.flatMap((effect) => (effect.type === 'notify' ? [effect.notice] : []));
    const following = notices[notices.indexOf(notice) + 1];
    const active = this.#active;
    switch (notice.type) {
      case 'mailserver:changed':
        assert(active === undefined, 'the old node is disconnected before the new one is named', notice);
        assert(
          following?.type === 'state' && following.node === notice.node && following.state === 'connecting',
          'changed, then connecting',
          notices,
        );
        break;
      case 'state':
        this.#takeState(notice, following);
        break;
      case 'mailserverAvailable':
        assert(active?.node === notice.node && active.connectedAt !== undefined, 'available means connected', notice);
        if (event.type !== 'connected')
          assert(notices.length === 1, 'to the node one is connected to: only available', notices);
        break;
      case 'offline':
        assert(active === undefined && !this.#offlineSaid, 'offline is said once, and only without a node', notice);
        assert(notice.since <= moment.wallMs, 'offline since a time that was', notice);
        this.#offlineSaid = true;
        break;
      case 'refused':
        assert(!this.#nodes.has(notice.node), 'only nodes outside the list are refused', notice);
        break;
    }
  }

  #takeState(notice: Extract<ChoiceNotice, { type: 'state' }>, following: ChoiceNotice | undefined): void {
    const { moment } = this.#step;
    const active = this.#active;
    if (notice.state === 'connecting') {
      assert(active === undefined, 'one node at a time', notice);
      this.#active = {
        node: notice.node,
        attempt: -1,
        connectedAt: undefined,
        failedRequests: 0,
        failingSince: undefined,
        lackingSince: undefined,
      };
      return;
    }
    assert(active?.node === notice.node, 'only the active node changes its state', notice);
    if (notice.state === 'disconnected') {
      this.#checkLeaving(active);
      this.#active = undefined;
      return;
    }
    assert(active.connectedAt === undefined, 'connected comes after connecting', notice);
    assert(following?.type === 'mailserverAvailable', 'connected, then available', notice);
    active.connectedAt = moment.at;
    this.#completeness.set(notice.node, 1);
    this.#offlineSaid = false;
    if (notice.node === this.#pin) this.#setPin(this.#pin);
  }

  /** Who failed rests three minutes; who was only cut off, or is wished for and away, does not. */
  #checkLeaving(active: Active): void {
    const { event, effects, moment } = this.#step;
    if (this.#chosen === active.node && event.type !== 'choose') {
      this.#chosen = undefined;
      this.#disturbedAt = moment.at;
    }
    const rest = this.#step.after.nodes.get(active.node)?.rest;
    const rested = rest?.cause === 'failed' && rest.until === moment.at + REST_AFTER_FAILURE_MS;
    const round = this.#round;
    if (USER_EVENTS.has(event.type)) return;
    if (active.connectedAt === undefined) {
      const unasked = active.node === this.#pin && this.#unasked;
      assert(unasked || rested, 'a failed attempt rests three minutes', active);
    } else if (event.type === 'closed') assert(rested === event.refused, 'a cut is not a failure, a refusal is', rest);
    else if (
      round?.whileConnected === true &&
      effects.some((effect) => effect.type === 'connect' && effect.node !== active.node)
    ) {
      const returning = round.asked.length === 1 && round.asked[0] === this.#pin;
      if (!returning) assert(rested, 'a node that was replaced rests three minutes', active);
    }
  }

  /** The last connect was to the pinned node without its having answered a ping. */
  #unasked = false;

  #takePing(effect: Extract<ChoiceEffect, { type: 'ping' }>): void {
    const { after, event } = this.#step;
    const nobodyFree = [...this.#nodes.keys()].every((name) => this.#isResting(name));
    for (const node of effect.nodes) {
      assert(node !== this.#active?.node, 'the node one is connected to is not pinged apart', effect);
      const byLoop = event.type === 'tick' && nobodyFree && after.nodes.get(node)?.rest?.cause === 'failed';
      assert(!this.#isResting(node) || byLoop, 'a resting node is not pinged', { node, event });
    }
    this.#round = {
      id: effect.round,
      asked: effect.nodes,
      answers: new Map(),
      whileConnected: this.#active?.connectedAt !== undefined,
    };
  }

  #takeConnect(effect: Extract<ChoiceEffect, { type: 'connect' }>): void {
    const { node } = effect;
    assert(this.#active?.node === node, 'connecting is said before the connect', effect);
    this.#active = { ...(this.#active as Active), attempt: effect.attempt };
    const answered = this.#round?.answers.has(node) === true;
    const wished = this.#isWishFor(node);
    this.#unasked = node === this.#pin && !answered;
    if (!wished && node !== this.#pin) this.#checkPick(node);
    if (!wished && !answered) assert(!this.#isResting(node), 'a resting node is not tried', { node });
    this.#round = undefined;
  }

  #checkPick(node: string): void {
    const answers = [...(this.#round?.answers ?? [])].filter(([, rttMs]) => rttMs < PING_LIMIT_MS);
    const best = Math.max(...answers.map(([name]) => this.#completeness.get(name) ?? 1));
    const counted = answers.filter(([name]) => (this.#completeness.get(name) ?? 1) === best);
    const pool = counted.sort(([, a], [, b]) => a - b).slice(0, Math.ceil(counted.length / 4));
    const place = pool.findIndex(([name]) => name === node);
    assert(place >= 0, 'the pick is in the fastest quarter of the answers that count', { node, answers });
    const { borrowed } = viewOf(this.#step.after, this.#step.moment.at);
    assert(borrowed === (this.#pin !== undefined), 'borrowing is shown', { node, pin: this.#pin });
    if (this.#pin !== undefined) this.#checkBorrowing(this.#pin);
    this.picks.push({ poolSize: pool.length, place });
  }

  #checkBorrowing(pin: string): void {
    const failed = this.#isResting(pin) && this.#step.after.nodes.get(pin)?.rest?.cause === 'failed';
    assert(
      this.#borrowing || failed || this.#awayLoops >= PINNED_LOOPS,
      'another is borrowed only after three loops without the pinned node',
      { awayLoops: this.#awayLoops },
    );
    this.#borrowing = true;
  }

  #isResting(name: string): boolean {
    const { after, before, event, moment } = this.#step;
    const until = (state: ChoiceState): number => state.nodes.get(name)?.rest?.until ?? 0;
    if (USER_EVENTS.has(event.type)) return moment.at < until(after);
    return moment.at < Math.max(until(before), until(after));
  }

  #checkRests(): void {
    const { after, before, event, moment } = this.#step;
    for (const [name, record] of after.nodes) {
      const old = before.nodes.get(name)?.rest;
      if (record.rest === old) continue;
      if (record.rest === undefined) {
        assert(USER_EVENTS.has(event.type), 'only a wish ends a rest', { name, old });
        continue;
      }
      if (record.rest.cause === 'failed' && name === this.#pin) this.#borrowing = true;
      const restMs = record.rest.cause === 'failed' ? REST_AFTER_FAILURE_MS : REST_AFTER_CONNECT_MS;
      assert(
        record.rest.until === moment.at + restMs,
        'rests last 10 s after a connect and 3 min after a failure',
        record,
      );
      assert(
        (record.rest.cause === 'connected') === (event.type === 'connected' && event.store),
        'rest by cause',
        record,
      );
    }
  }

  /** The loop keeps its own schedule; without a node, tries go on each 10 s and offline is said. */
  #checkSchedule(): void {
    const { after, before, moment } = this.#step;
    assert(
      after.nextLoopAt >= before.nextLoopAt ||
        after.nextLoopAt === moment.at + LOOP_MS ||
        after.nextLoopAt === moment.at,
      'the loop goes on',
      after.nextLoopAt,
    );
    assert(after.nextLoopAt <= moment.at + LOOP_MS, 'the next loop is at most 10 s away', after.nextLoopAt);
    if (after.link.at === 'connected') this.#lastConnectedAt = moment.at;
    if (after.link.at !== 'disconnected') {
      this.#tryingAt = moment.at;
      return;
    }
    assert(this.#offlineSaid, 'a try ended without a node, and offline was not said', after);
    const waits = after.pin !== undefined && after.nodes.get(after.pin.node)?.rest?.cause === 'connected';
    const allowedMs = LOOP_MS + (waits ? REST_AFTER_CONNECT_MS : 0);
    assert(moment.at - this.#tryingAt <= allowedMs, 'tries go on each 10 s', { tryingAt: this.#tryingAt });
  }

  /** A person's wish acts in the same step. */
  #checkWish(): void {
    this.#unasked ||= this.#isWishFor(this.#pin);
    const { after, effects, event } = this.#step;
    if (event.type === 'choose' && !this.#nodes.has(event.node))
      assert(
        effects.every(
          (effect) => effect.type === 'probe' || (effect.type === 'notify' && effect.notice.type === 'refused'),
        ),
        'a node outside the list changes nothing',
        effects,
      );
    else if (event.type === 'pin' || event.type === 'choose')
      assert(
        (after.link.at === 'connecting' || after.link.at === 'connected') && after.link.node === event.node,
        'a chosen node is connected to at once',
        after.link,
      );
    else if (event.type === 'unpin' || event.type === 'retry') {
      assert(after.link.at !== 'disconnected', 'a wish to try again is a try', after.link);
      if (event.type === 'retry' && after.link.at === 'connected')
        assert(
          effects.some((effect) => effect.type === 'probe'),
          'a wish to try again is a probe',
          effects,
        );
    }
  }

  /** Whether a person asks just now for this node. */
  #isWishFor(node: string | undefined): boolean {
    const { event } = this.#step;
    return (event.type === 'pin' || event.type === 'choose') && event.node === node;
  }

  /** A dead, slow, failing or half-serving node is left within one loop, when there is another. */
  #checkFaults(): void {
    const { moment, silentSince } = this.#step;
    const active = this.#active;
    if (active?.connectedAt === undefined) return;
    if (silentSince !== undefined)
      assert(
        moment.at - Math.max(silentSince, this.#disturbedAt) <= 62_000,
        'missed heartbeats end a connection',
        active,
      );
    const faultAt = this.#faultAt(active);
    if (faultAt === undefined) return;
    const since = Math.max(faultAt, this.#disturbedAt);
    if (moment.at <= since + LOOP_MS + LEAVING_MS) return;
    assert(!this.#hasOther(active.node, since), 'a faulty node is left within one loop', { active, faultAt });
  }

  #faultAt(active: Active): number | undefined {
    const node = this.#nodes.get(active.node) as SimulatedNode;
    const faults = [active.failingSince, active.lackingSince];
    if (active.node !== this.#pin && active.node !== this.#chosen) {
      faults.push(this.#step.silentSince);
      if (node.rttMs >= PING_LIMIT_MS) faults.push(Math.max(node.changedAt, active.connectedAt ?? 0));
    }
    return faults.filter((at) => at !== undefined).sort((a, b) => a - b)[0];
  }

  /** Somebody whom the pings of a whole loop must have found. */
  #hasOther(active: string, since: number): boolean {
    return [...this.#nodes.values()].some((node) => {
      if (node.name === active || node.changedAt > since) return false;
      const rest = this.#step.after.nodes.get(node.name)?.rest;
      if (rest !== undefined && rest.until > since) return false;
      const complete = (this.#completeness.get(node.name) ?? 1) === 1;
      return node.up && node.store && complete && node.rttMs < PING_LIMIT_MS;
    });
  }

  /** The pinned node is gone back to when it answers again. */
  #checkPinned(): void {
    const { after, moment } = this.#step;
    const pin = this.#pin;
    const node = pin === undefined ? undefined : this.#nodes.get(pin);
    if (node === undefined || this.#chosen !== undefined) return;
    if (!(node.up && node.accepts && node.store && node.whole && node.rttMs < 2_000)) return;
    const rest = after.nodes.get(node.name)?.rest;
    const freeAt = Math.max(node.changedAt, rest?.until ?? 0, this.#disturbedAt);
    // While nobody is connected, attempts at others may hang one after the other; each of them rests then.
    const hangingMs = this.#active?.connectedAt === undefined ? this.#nodes.size * CONNECT_LIMIT_MS : 0;
    const since = Math.max(freeAt, this.#active?.connectedAt ?? 0);
    if (moment.at <= since + REACHING_MS + 3 * node.rttMs + hangingMs) return;
    assert(this.#active?.node === pin, 'a pinned node that answers again is gone back to', { freeAt, node });
  }
}

function assert(condition: unknown, rule: string, context: unknown): asserts condition {
  if (!condition) throw new Error(`${rule}: ${JSON.stringify(context)}`);
}
