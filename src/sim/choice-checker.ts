/**
 * The rules of node choice (src/client/choice/README.md), asserted after every step of a simulated run from what went in,
 * what came out and what is true of the network. Of the state it reads only the rests, the loop's schedule and what people
 * are shown.
 */
import { type ChoiceEffect, type ChoiceNotice, type ChoiceState, viewOf } from '../client/choice/index.ts';
import type { SimulatedNode } from './choice.sim.ts';
import {
  type Active,
  assert,
  type CheckedStep,
  ChoiceBooks,
  isResting,
  isWishFor,
  PING_LIMIT_MS,
  PINNED_LOOPS,
  REST_AFTER_FAILURE_MS,
  SLOW_PING_LIMIT_MS,
  USER_EVENTS,
} from './choice-books.ts';
import { checkDeadlines, REACHING_MS } from './choice-deadlines.ts';

/** A node taken from a pool: its place in it, fastest first. */
export interface Pick {
  readonly poolSize: number;
  readonly place: number;
}

export class ChoiceChecker {
  readonly picks: Pick[] = [];
  readonly #books: ChoiceBooks;
  #step!: CheckedStep;

  constructor(nodes: readonly SimulatedNode[], state: ChoiceState) {
    this.#books = new ChoiceBooks(nodes);
    this.#books.setPin(state.pin?.node);
  }

  slept(at: number): void {
    this.#books.disturbedAt = at;
    this.#books.sleptAt = at;
  }

  check(step: CheckedStep): void {
    this.#step = step;
    this.#books.takeEvent(step);
    for (const effect of step.effects) this.#takeEffect(effect);
    checkDeadlines(this.#books, step);
  }

  end(state: ChoiceState, at: number): void {
    assert(at - this.#books.lastConnectedAt < REACHING_MS, 'everything works, and no node is connected', state.link);
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
        assert(this.#books.active?.attempt === effect.attempt, 'only what is there is disconnected', effect);
        break;
      case 'probe':
        assert(this.#books.active?.connectedAt !== undefined, 'only a connection is probed', effect);
        break;
    }
  }

  /** States and events come in the seed's order. */
  #takeNotice(notice: ChoiceNotice): void {
    const { effects, event, moment } = this.#step;
    const notices = effects.flatMap((effect) => (effect.type === 'notify' ? [effect.notice] : []));
    const following = notices[notices.indexOf(notice) + 1];
    const active = this.#books.active;
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
        assert(
          active === undefined && !this.#books.offlineSaid,
          'offline is said once, and only without a node',
          notice,
        );
        assert(notice.since <= moment.wallMs, 'offline since a time that was', notice);
        this.#books.offlineSaid = true;
        break;
      case 'refused':
        assert(!this.#books.nodes.has(notice.node), 'only nodes outside the list are refused', notice);
        break;
    }
  }

  #takeState(notice: Extract<ChoiceNotice, { type: 'state' }>, following: ChoiceNotice | undefined): void {
    const { moment } = this.#step;
    const active = this.#books.active;
    if (notice.state === 'connecting') {
      assert(active === undefined, 'one node at a time', notice);
      this.#books.active = {
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
      this.#books.active = undefined;
      return;
    }
    assert(active.connectedAt === undefined, 'connected comes after connecting', notice);
    assert(following?.type === 'mailserverAvailable', 'connected, then available', notice);
    active.connectedAt = moment.at;
    this.#books.completeness.set(notice.node, 1);
    this.#books.offlineSaid = false;
    if (notice.node === this.#books.pin) this.#books.setPin(this.#books.pin);
  }

  /** Who failed rests three minutes; who was only cut off, or is wished for and away, does not. */
  #checkLeaving(active: Active): void {
    const { event, effects, moment } = this.#step;
    if (this.#books.chosen === active.node && event.type !== 'choose') {
      this.#books.chosen = undefined;
      this.#books.disturbedAt = moment.at;
    }
    const rest = this.#step.after.nodes.get(active.node)?.rest;
    const rested = rest?.cause === 'failed' && rest.until === moment.at + REST_AFTER_FAILURE_MS;
    const round = this.#books.round;
    if (USER_EVENTS.has(event.type)) return;
    if (active.connectedAt === undefined) {
      const unasked = active.node === this.#books.pin && this.#books.unasked;
      assert(unasked || rested, 'a failed attempt rests three minutes', active);
    } else if (event.type === 'closed') assert(rested === event.refused, 'a cut is not a failure, a refusal is', rest);
    else if (
      round?.whileConnected === true &&
      effects.some((effect) => effect.type === 'connect' && effect.node !== active.node)
    ) {
      const returning = round.asked.length === 1 && round.asked[0] === this.#books.pin;
      if (!returning) this.#checkReplacing(active, rested);
    }
  }

  #checkReplacing(active: Active, rested: boolean): void {
    const books = this.#books;
    assert(rested, 'a node that was replaced rests three minutes', active);
    const lacking =
      active.lackingSince !== undefined &&
      books.faultAt({ ...active, lackingSince: undefined }, this.#step.silentSince) === undefined;
    const next = this.#step.effects.find((effect) => effect.type === 'connect')?.node ?? '';
    assert(!lacking || books.complete(next) > books.complete(active.node), 'a lacking node is left for a better one', {
      active,
      next,
    });
  }

  #takePing(effect: Extract<ChoiceEffect, { type: 'ping' }>): void {
    const { after, before, event } = this.#step;
    const round = this.#books.round;
    // Nobody of those that were asked before has answered.
    const isSecond = before.link.at === 'searching' && before.link.round.id === round?.id && round.answers.size === 0;
    const nobodyFree = [...this.#books.nodes.keys()].every((name) => isResting(this.#step, name));
    for (const node of effect.nodes) {
      assert(node !== this.#books.active?.node, 'the node one is connected to is not pinged apart', effect);
      const isLast = (event.type === 'tick' && nobodyFree) || isSecond;
      const byLoop = isLast && after.nodes.get(node)?.rest?.cause === 'failed';
      assert(!isResting(this.#step, node) || byLoop, 'a resting node is not pinged', { node, event });
    }
    const forPinned = effect.nodes.length === 1 && effect.nodes[0] === this.#books.pin;
    assert(
      effect.limitMs === PING_LIMIT_MS || forPinned || this.#mayAskSlow(effect.limitMs, isSecond),
      'pings wait half a second, longer for the pinned node, and for all when three loops found nobody',
      effect,
    );
    this.#books.round = {
      id: effect.round,
      asked: effect.nodes,
      limitMs: effect.limitMs,
      answers: new Map(),
      whileConnected: this.#books.active?.connectedAt !== undefined,
    };
  }

  /** Only when nobody answered in time in this loop either. */
  #mayAskSlow(limitMs: number, isSecond: boolean): boolean {
    return limitMs === SLOW_PING_LIMIT_MS && isSecond && this.#books.emptyLoops > 3;
  }

  #takeConnect(effect: Extract<ChoiceEffect, { type: 'connect' }>): void {
    const { node } = effect;
    assert(this.#books.active?.node === node, 'connecting is said before the connect', effect);
    this.#books.active = { ...(this.#books.active as Active), attempt: effect.attempt };
    const answered = this.#books.round?.answers.has(node) === true;
    const wished = isWishFor(this.#step, node);
    this.#books.unasked = node === this.#books.pin && !answered;
    if (!wished && node !== this.#books.pin) this.#checkPick(node);
    if (!wished && !answered) assert(!isResting(this.#step, node), 'a resting node is not tried', { node });
    this.#books.round = undefined;
  }

  #checkPick(node: string): void {
    const limitMs = this.#books.round?.limitMs ?? PING_LIMIT_MS;
    const answers = [...(this.#books.round?.answers ?? [])].filter(([, rttMs]) => rttMs < limitMs);
    const best = Math.max(...answers.map(([name]) => this.#books.complete(name)));
    const counted = answers.filter(([name]) => this.#books.complete(name) === best);
    const pool = counted.sort(([, a], [, b]) => a - b).slice(0, Math.ceil(counted.length / 4));
    const place = pool.findIndex(([name]) => name === node);
    assert(place >= 0, 'the pick is in the fastest quarter of the answers that count', { node, answers });
    const { borrowed } = viewOf(this.#step.after, this.#step.moment.at);
    assert(borrowed === (this.#books.pin !== undefined), 'borrowing is shown', { node, pin: this.#books.pin });
    if (this.#books.pin !== undefined) this.#checkBorrowing(this.#books.pin);
    this.picks.push({ poolSize: pool.length, place });
  }

  #checkBorrowing(pin: string): void {
    const failed = isResting(this.#step, pin) && this.#step.after.nodes.get(pin)?.rest?.cause === 'failed';
    assert(
      this.#books.borrowing || failed || this.#books.awayLoops >= PINNED_LOOPS,
      'another is borrowed only after three loops without the pinned node',
      { awayLoops: this.#books.awayLoops },
    );
    this.#books.borrowing = true;
  }
}
